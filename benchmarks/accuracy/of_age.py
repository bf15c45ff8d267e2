"""How often a model says of people that they are surely of age, by their true age.

    python benchmarks/accuracy/of_age.py PREPARED [--model NAME] [--threshold 18]
        [--probability 0.95] [--split test]

For each band of true ages below and above --threshold: how many of the faces of a prepared
folder (all of it, or one split) have a FaceAge.probability_at_least(threshold) of --probability
or more. The model is a name of `facelage info` or an .onnx file with a calibration.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.infer import AgePredictor

#: Years below and above the threshold: the first of each band, and the first after the last.
BANDS = (-18, -6, -3, 0, 12, 22, 100)
BATCH = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--threshold", type=float, default=18.0)
    parser.add_argument("--probability", type=float, default=0.95)
    parser.add_argument("--split")
    arguments = parser.parse_args()
    faces = Manifest.load(arguments.prepared).usable(arguments.split)
    faces = Manifest(faces.frame[np.isfinite(faces.ages())], faces.root)
    predictor = AgePredictor.from_pretrained(arguments.model, detector=None)
    store, surely = CropStore(faces, memory_gb=0.0), []
    for start in range(0, len(store), BATCH):
        rows = np.arange(start, min(start + BATCH, len(store)))
        for face in predictor.predict_crops(list(store.canonical(rows, predictor.session.crop))):
            probability = face.probability_at_least(arguments.threshold)
            surely.append(probability >= arguments.probability)
    true, passed = faces.ages(), np.array(surely)
    print(f"{predictor.model}: probability of {arguments.threshold:g} years or more at least "
          f"{arguments.probability:g}")  # fmt: skip
    for first, after in pairwise(arguments.threshold + years for years in BANDS):
        band = (true >= first) & (true < after)
        if band.any():
            share = f"{100 * passed[band].mean():.0f} % ({passed[band].sum()} of {band.sum()})"
            print(f"{first:.0f} to {after - 1:.0f}: {share}")


if __name__ == "__main__":
    main()
