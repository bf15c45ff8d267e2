"""What YuNetDetector's `max_side` costs: MAE of the shipped weights, and how small a face is found.

    python benchmarks/accuracy/max_side.py ../shared/data

For the second table sixty London portraits are shrunk onto an empty picture of 640
pixels a side until the face, the square root of its box, has so many pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from facelage.data.detect import YuNetDetector
from facelage.data.images import list_images, load_image
from facelage.data.readers import read_csv
from facelage.evaluate import evaluate
from facelage.infer import AgePredictor
from facelage.infer.session import AgeSession
from facelage.models.weights import get_weights

SIDES = (640, 480, 320)
SIZES = (12, 16, 20, 24, 32, 40, 48)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder shared/data")
    arguments = parser.parse_args()
    detectors = {side: YuNetDetector(max_side=side) for side in SIDES}
    session = AgeSession(get_weights().path("onnx"))
    for name in ("appa_real_dev", "frl_london"):
        photos = read_csv(arguments.data / f"{name}.csv")
        for side, detector in detectors.items():
            figures = evaluate(AgePredictor(session, detector), photos).figures
            low, high = figures["intervals"]["mae"]
            summary = figures["summary"]
            print(f"{name}, {side}: n {summary['n']:.0f}, MAE {summary['mae']:.2f} "
                  f"({low:.2f} to {high:.2f})", flush=True)  # fmt: skip
    portraits = [load_image(p) for p in list_images(arguments.data / "frl_london")[:60]]
    boxes = [detectors[640].detect(image)[0].size for image in portraits]
    for size in SIZES:
        found = dict.fromkeys(SIDES, 0)
        for image, box in zip(portraits, boxes, strict=True):
            scale = size / box
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            picture = np.full((640, 640, 3), small[0, 0], np.uint8)
            picture[100 : 100 + small.shape[0], 200 : 200 + small.shape[1]] = small
            for side, detector in detectors.items():
                found[side] += bool(detector.detect(picture))
        shares = ", ".join(f"{side}: {n / len(portraits):.0%}" for side, n in found.items())
        print(f"face of {size} pixels found at {shares}", flush=True)


if __name__ == "__main__":
    main()
