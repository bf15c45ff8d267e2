"""Write a face recognition network's embeddings of the training faces into their manifests.

    python benchmarks/accuracy/embeddings.py PREPARED... --weights FOLDER...

adds a column `embedding` (128 numbers with spaces between) to PREPARED/manifest.csv, for the rows
of the training split. A manifest that has it is left as it is, so that an interrupted run goes on;
delete the column to have it written again. --weights names the folder that holds npm's
`package/` of @vladmandic/face-api; see peers/face_recognition.py for the network and its licence.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from peers.face_recognition import FaceRecognition, embed
from peers.tensorflow_js import read_weights
from tqdm import tqdm

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.files import sha256
from facelage.train.allocator import keep_freed_memory

COLUMN = "embedding"
FILE = "package/model/face_recognition_model-weights_manifest.json"
SHA256 = "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"
CHUNK = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    arguments = parser.parse_args()
    keep_freed_memory()
    file = next((f / FILE for f in arguments.weights if (f / FILE).is_file()), None)
    if file is None:
        raise SystemExit(f"{FILE} is in none of the folders; see peers/README.md")
    if sha256(file) != SHA256:
        raise SystemExit(f"{file} is not the file that this was written for")
    network = FaceRecognition(read_weights(file)).eval()
    for prepared in arguments.prepared:
        describe(prepared, network)


def describe(prepared: Path, network: FaceRecognition) -> None:
    manifest = Manifest.load(prepared)
    if COLUMN in manifest.frame:
        print(f"{prepared}: {COLUMN} is there")
        return
    frame = manifest.frame
    rows = np.flatnonzero(((frame["status"] == "ok") & (frame["split"] == "train")).to_numpy())
    store = CropStore(Manifest(frame.iloc[rows], manifest.root), memory_gb=0.0)
    texts = [""] * len(frame)
    for start in tqdm(range(0, len(rows), CHUNK), desc=f"{prepared.name} {COLUMN}"):
        part = np.arange(start, min(start + CHUNK, len(rows)))
        for row, vector in zip(rows[part], embed(network, store.batch(part)), strict=True):
            texts[row] = " ".join(f"{value:.3f}" for value in vector)
    frame[COLUMN] = texts
    manifest.save(prepared / "manifest.csv")
    print(f"{prepared}: {COLUMN}, n {len(rows)}")


if __name__ == "__main__":
    main()
