"""Write what a trained model says of the training faces into their manifests.

    python benchmarks/accuracy/own_answers.py MODEL PREPARED... [--again]

adds a column `teacher_own`, years, for the training and validation splits: as a teacher it
holds a training near the model that it began with, and costs no time, unlike one that is asked
live (own_teacher.py). MODEL is a run or a .safetensors file. Columns that are there are left
as they are; --again writes them anew, for when the model is another.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.models import load_weights
from facelage.train.allocator import keep_freed_memory
from facelage.train.batches import predict

COLUMN = "teacher_own"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    keep_freed_memory()
    model, crop = load_weights(arguments.model)
    for prepared in arguments.prepared:
        manifest = Manifest.load(prepared)
        frame = manifest.frame
        if COLUMN in frame and not arguments.again:
            print(f"{prepared}: {COLUMN} is there")
            continue
        ours = (frame["status"] == "ok") & frame["split"].isin(["train", "val"])
        rows = np.flatnonzero(ours.to_numpy())
        store = CropStore(Manifest(frame.iloc[rows], manifest.root), memory_gb=0.0)
        answers = np.full(len(frame), "", object)
        answers[rows] = [f"{age:.2f}" for age in predict(model, store, crop)]
        frame[COLUMN] = answers
        manifest.save(prepared / "manifest.csv")
        print(f"{prepared}: {COLUMN}, n {len(rows)}")


if __name__ == "__main__":
    main()
