"""How far ages move when a large JPEG is decoded at half of its size: facelage.data.photo.

    python benchmarks/accuracy/reduced_decoding.py PHOTOS

scales each portrait of the folder PHOTOS so that, at half of its size, a pixel of the
crop is made from so many pixels a side, and prints by how many years the age differs
from that of the whole photo: with the whole photo's landmarks (cut), which is what
FINENESS was chosen by, and as AgePredictor does it, whose detector then sees the
reduced photo too (path). Below, the path again for portraits of 3000 pixels a side, as a
12-megapixel camera makes them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np

from facelage import AgePredictor
from facelage.data.align import align, similarity_to_crop
from facelage.data.detect import YuNetDetector
from facelage.data.images import list_images, load_image, save_image
from facelage.data.photo import open_photo

LARGE = 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fineness", type=float, nargs="+", default=[1.0, 1.5, 2.0, 3.0])
    parser.add_argument("--large", type=int, default=30, help="portraits for the last rows")
    arguments = parser.parse_args()
    predictor = AgePredictor.from_pretrained(detector="yunet")
    assert predictor.detector is not None
    session, detect = predictor.session, predictor.detector.detect
    print("pixels a crop pixel    n    cut: mean    p95    max   path: mean    p95    max")
    for fineness in arguments.fineness:
        rows = []
        for file in list_images(arguments.photos):
            image = load_image(file)
            found = detect(image)
            if not found:
                continue
            matrix = similarity_to_crop(found[0], session.crop)
            scale = 1.001 * 2 * fineness * float(np.hypot(matrix[0, 0], matrix[1, 0]))
            smooth = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "photo.jpg"
                save_image(path, cv2.resize(image, None, fx=scale, fy=scale, interpolation=smooth))
                whole, half = load_image(path), open_photo(path).reduced(2.0)
                [face] = detect(whole)[:1]
                cuts = [
                    align(whole, face, session.crop),
                    align(half.pixels, half.from_photo(face), session.crop),
                ]
                ages = session.ages(np.stack(cuts))
                paths = [predictor.predict(source)[0].age for source in (whole, path)]
            rows.append((abs(ages[0] - ages[1]), abs(paths[0] - paths[1])))
        cells = [
            f"{np.mean(years):12.2f}{np.percentile(years, 95):7.2f}{np.max(years):7.2f}"
            for years in zip(*rows, strict=True)
        ]
        print(f"{fineness:19.1f}{len(rows):5d} " + " ".join(cells), flush=True)
    for glance in (True, False):
        large = AgePredictor(session, YuNetDetector(glance=glance))
        years = [moved(large, file) for file in list_images(arguments.photos)[: arguments.large]]
        print(f"{LARGE} pixels a side, glance={glance}, n {len(years)}: mean {np.mean(years):.2f}, "
              f"p95 {np.percentile(years, 95):.2f}, max {np.max(years):.2f}")  # fmt: skip


def moved(predictor: AgePredictor, file: Path) -> float:
    """Years between the age from a large JPEG and the one from its decoded pixels."""
    image = load_image(file)
    scale = LARGE / max(image.shape[:2])
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        save_image(path, large)
        [one, other] = [predictor.predict(source)[0].age for source in (path, load_image(path))]
    return abs(one - other)


if __name__ == "__main__":
    main()
