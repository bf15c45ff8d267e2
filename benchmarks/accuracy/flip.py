"""What the mean of a face and its mirror image gains (`flip=True`), with paired intervals.

    python benchmarks/accuracy/flip.py FOLDER... [--split all]

Each FOLDER was written by `facelage prepare`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facelage.data.manifest import Manifest
from facelage.evaluate import compare
from facelage.evaluate.models import OnnxModel
from facelage.infer.session import AgeSession
from facelage.models.weights import get_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--split", default="test", choices=("train", "val", "test", "all"))
    arguments = parser.parse_args()
    models = []
    for flip in (True, False):
        models.append(OnnxModel(AgeSession(get_weights().path("onnx"), flip=flip)))
        models[-1].name = "with flip" if flip else "without"
    for folder in arguments.folders:
        whole = Manifest.load(folder)
        split = None if arguments.split == "all" else arguments.split
        result = compare(models, whole.usable(split))
        [difference] = result.differences
        low, high = difference.intervals["mae"]
        maes = " and ".join(f"{row['summary']['mae']:.3f} {row['model']}" for row in result.table)
        change = f"{difference.figures['mae']:+.3f} ({low:+.3f} to {high:+.3f})"
        print(f"{folder.name}: n {result.n}, MAE {maes}, difference {change}")


if __name__ == "__main__":
    main()
