"""What YuNetDetector's `max_side` and `glance` cost: MAE, and how small a face is found.

    python benchmarks/accuracy/max_side.py ../shared/data

The MAE is that of the shipped weights. For the second table sixty London portraits are
shrunk onto a picture of 640 pixels a side until the face, the square root of its box, has
so many pixels; the picture is empty, or holds the portrait in 448 pixels besides.
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
    detectors = {str(side): YuNetDetector(max_side=side, glance=False) for side in SIDES}
    detectors["glance"] = YuNetDetector()
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
    boxes = [detectors["640"].detect(image)[0].size for image in portraits]
    for beside in (False, True):
        for size in SIZES:
            found = dict.fromkeys(detectors, 0)
            for image, box in zip(portraits, boxes, strict=True):
                picture = with_small_face(image, size / box, beside=beside)
                for side, detector in detectors.items():
                    found[side] += len(detector.detect(picture)) == 1 + beside
            shares = ", ".join(f"{side}: {n / len(portraits):.0%}" for side, n in found.items())
            where = "beside a large one" if beside else "alone"
            print(f"face of {size} pixels {where} found at {shares}", flush=True)


def with_small_face(image: np.ndarray, scale: float, *, beside: bool) -> np.ndarray:
    """The portrait at a scale on a plain picture, and in 448 pixels besides if wanted."""
    picture = np.full((640, 640, 3), image[0, 0], np.uint8)
    if beside:
        picture[:448, :448] = cv2.resize(image, (448, 448), interpolation=cv2.INTER_AREA)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture[470 : 470 + small.shape[0], 460 : 460 + small.shape[1]] = small
    return picture


if __name__ == "__main__":
    main()
