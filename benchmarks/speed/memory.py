"""How much memory 10,000 predictions keep: the process must not grow.

    python benchmarks/speed/memory.py PHOTO [--count 10000] [--workers 1]

ages one real photo again and again (after a warm-up) and prints the growth of
the process's resident memory along the way; fails if it ends up above the limit.
With --large, each photo is a 12-megapixel JPEG made from PHOTO, which is decoded at a
reduced size. Linux only.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import cv2
from parts.photos import enlarge

from facelage import AgePredictor
from facelage.data.images import load_image, save_image

LIMIT_MB = 5.0


def resident_mb() -> float:
    """The process's resident memory now, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [size] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(size) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1, help="above 1: iter_predict with so many")
    parser.add_argument("--model", help="facelage's weights: a name or an .onnx file")
    parser.add_argument("--large", action="store_true", help="a 12-megapixel photo")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    predictor = AgePredictor.from_pretrained(arguments.model, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        photo = arguments.photo
        if arguments.large:
            photo = Path(folder) / "large.jpg"
            save_image(photo, enlarge(load_image(arguments.photo)), quality=92)
        images = itertools.repeat(photo, arguments.warm_up + arguments.count)
        results = (
            (predictor.predict(image) for image in images)
            if arguments.workers == 1
            else (r.faces for r in predictor.iter_predict(images, workers=arguments.workers))
        )
        start = growth = 0.0
        for number, faces in enumerate(results, start=1 - arguments.warm_up):
            if not faces:
                raise SystemExit(f"no face in {photo}")
            if number == 0:
                start = resident_mb()
            elif number > 0 and number % max(1, arguments.count // 10) == 0:
                growth = resident_mb() - start
                print(f"{number:6d} predictions: {growth:+.2f} MB of {start:.0f} MB", flush=True)
    if growth > LIMIT_MB:
        raise SystemExit(f"the memory grew by {growth:.2f} MB, more than {LIMIT_MB} MB")


if __name__ == "__main__":
    main()
