"""Train the landmark network that refines boxes (facelage.data.landmarks), in one command.

    python benchmarks/landmarks/train.py PREPARED... --out RUN

PREPARED are folders of `facelage prepare`, whose faces YuNet found; only their train
split is learned from, and their val split judges. It cuts patches (RUN/train, RUN/val),
trains (RUN/state.pt), writes RUN/face_landmarks.onnx and prints how far its landmarks lie
from YuNet's. Interrupted, it goes on where it stopped. `benchmarks/accuracy/detectors.py`
tells what it is worth.
"""

from __future__ import annotations

import argparse
import io
import json
import zlib
from pathlib import Path

import cv2
import numpy as np
from network import export, train
from patches import PATCH, Patches, Sampler, read_faces

from facelage.data.landmarks import LandmarkNetwork
from facelage.files import write_bytes

#: Photos whose patches are one file.
BLOCK = 128


def cut_patches(
    folders: list[Path], split: str, out: Path, photos: int, seed: int, *, damaged: bool
) -> None:
    """Patches of `photos` photos of a split, a file for each block of them."""
    faces = read_faces(folders, split)
    order = np.random.default_rng([seed, zlib.crc32(split.encode())]).permutation(len(faces))
    sampler: Sampler | None = None
    out.mkdir(parents=True, exist_ok=True)
    for start in range(0, min(photos, len(faces)), BLOCK):
        file = out / f"{start // BLOCK:04}.npz"
        if file.is_file():
            continue
        sampler = sampler or Sampler()
        rng = np.random.default_rng([seed, zlib.crc32(split.encode()), start])
        block = order[start : min(start + BLOCK, photos)]
        taken = [sampler.photo(faces[index], rng, damaged=damaged) for index in block]
        buffer = io.BytesIO()
        np.savez(
            buffer,
            pixels=np.concatenate([each.pixels for each in taken]),
            offsets=np.concatenate([each.offsets for each in taken]),
            face=np.concatenate([each.face for each in taken]),
        )
        write_bytes(file, buffer.getvalue())


def load_patches(folder: Path) -> Patches:
    parts = [np.load(file) for file in sorted(folder.glob("*.npz"))]
    pixels, offsets, face = (
        np.concatenate([part[name] for part in parts]) for name in ("pixels", "offsets", "face")
    )
    return Patches(pixels, offsets, face)


def judge(path: Path, patches: Patches) -> dict[str, float]:
    """Distance to YuNet's landmarks, and how well faces are told from the rest."""
    session = LandmarkNetwork(path)._session
    parts = [
        session.run(None, {"patches": patches.pixels[start : start + 256]})
        for start in range(0, len(patches.pixels), 256)
    ]
    offsets, scores = (np.concatenate([part[index] for part in parts]) for index in (0, 1))
    is_face, is_none = patches.face == 1, patches.face == 0
    # A patch shows PATCH.box_side of a face box's size.
    away = np.linalg.norm(offsets - patches.offsets, axis=2)[is_face] * PATCH.box_side
    per_face = away.mean(axis=1)
    figures = {
        "faces": int(is_face.sum()),
        "others": int(is_none.sum()),
        "mean distance, % of the box": 100 * float(per_face.mean()),
        "95th percentile, % of the box": 100 * float(np.percentile(per_face, 95)),
    }
    for threshold in (0.3, 0.5, 0.7, 0.9):
        figures[f"faces kept at {threshold}"] = float((scores[is_face] >= threshold).mean())
        figures[f"others kept at {threshold}"] = float((scores[is_none] >= threshold).mean())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="face_landmarks_0.1.0")
    parser.add_argument("--photos", type=int, default=9216)
    parser.add_argument("--val-photos", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-patches", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    folders, out = arguments.prepared, arguments.out
    for split, photos in (("val", arguments.val_photos), ("train", arguments.photos)):
        cut_patches(folders, split, out / split, photos, arguments.seed, damaged=split == "train")
    if arguments.only_patches:
        return
    patches, val = load_patches(out / "train"), load_patches(out / "val")
    print(f"{len(patches.face)} patches, {(patches.face == 1).sum()} of faces", flush=True)
    model = train(patches, val, out / "state.pt", epochs=arguments.epochs, seed=arguments.seed)
    path = out / f"{arguments.name}.onnx"
    export(model, path, arguments.name)
    figures = judge(path, val)
    print(json.dumps(figures, indent=2))
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
