"""Measure the face detectors side by side on the same photos.

    python benchmarks/accuracy/detectors.py ../shared/data

For each set: faces found, false faces, MAE of the shipped weights on what was found
and on the photos in which all detectors find a face, and milliseconds a photo (one
thread, interleaved, median). A photo in these sets shows one labelled person, taken to
be its largest face; a detection counts as false if YuNet, which sees a face elsewhere
in the photo, sees none there (intersection over union below 0.3).

Then false faces in pictures without any: parts of the same photos beside the faces,
and pictures of scikit-image and scikit-learn that the landmark network did not learn from.

Detectors: YuNet, the bare Haar cascade, and Haar as the fallback runs it, looked at again
by the landmark network.

Prints Markdown tables, as in docs/detectors.md. With ``--fit`` also prints
where YuNet's box lies within Haar's square, which HaarDetector's constants are.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.align import align
from facelage.data.detect import (
    Detection,
    FaceDetector,
    HaarDetector,
    RefinedDetector,
    YuNetDetector,
    resolve_detector,
)
from facelage.data.detect.base import box_iou
from facelage.data.images import UInt8Image, load_image
from facelage.data.readers import read_csv
from facelage.infer.session import AgeSession
from facelage.models import get_weights

# Never trained on by the shipped weights, which could not be judged on their own photos.
SETS = ("appa_real_dev", "frl_london")
YUNET, HAAR, REFINED = "yunet", "haar alone", "haar + network"


class Measured:
    """What the detectors say of one photo after the other."""

    def __init__(self, detectors: dict[str, FaceDetector], model: AgeSession) -> None:
        self.detectors, self.model = detectors, model
        self.truth: list[float] = []
        self.faces: dict[str, list[list[Detection]]] = {key: [] for key in detectors}
        self.ages: dict[str, list[float]] = {key: [] for key in detectors}
        self.times: dict[str, list[float]] = {key: [] for key in detectors}

    def add(self, image: UInt8Image, age: float) -> None:
        self.truth.append(age)
        for key, detector in self.detectors.items():
            start = time.perf_counter()
            found = sorted(detector.detect(image), key=lambda face: -face.size)
            self.times[key].append(1000 * (time.perf_counter() - start))
            self.faces[key].append(found)
            crops = np.stack([align(image, found[0], self.model.crop)]) if found else None
            self.ages[key].append(self.model.ages(crops)[0] if crops is not None else np.nan)

    def false_faces(self, key: str) -> int:
        return sum(
            bool(seen) and all(box_iou(face.box, other.box) < 0.3 for other in seen)
            for seen, many in zip(self.faces[YUNET], self.faces[key], strict=True)
            for face in many
        )

    def rows(self, name: str) -> list[str]:
        truth = np.array(self.truth)
        ages = {key: np.array(values) for key, values in self.ages.items()}
        all_found = np.all([np.isfinite(values) for values in ages.values()], axis=0)
        rows = []
        for key, values in ages.items():
            found, error = np.isfinite(values), np.abs(values - truth)
            false = "" if key == YUNET else str(self.false_faces(key))
            rows.append(
                f"| {name} | {key} | {len(truth)} | {found.mean():.1%} | {false} "
                f"| {error[found].mean():.2f} | {error[all_found].mean():.2f} "
                f"| {np.median(self.times[key]):.1f} |"
            )
        differences = ages[REFINED] - ages[YUNET], ages[HAAR] - ages[YUNET]
        network, alone = (float(np.abs(each[all_found]).mean()) for each in differences)
        rows.append(
            f"<!-- {name}: {all_found.sum()} photos with all; mean distance to YuNet's age "
            f"{network:.2f} years with the network, {alone:.2f} without -->"
        )
        return rows


def beside_faces(image: UInt8Image, faces: list[Detection]) -> list[UInt8Image]:
    """The widest part of a photo, left, right, above or below, in which no face reaches."""
    height, width = image.shape[:2]
    if not faces:
        return []
    grown = []
    for face in faces:
        left, top, right, bottom = face.box
        x, y = 0.15 * (right - left), 0.25 * (bottom - top)
        grown.append((left - x, top - y, right + x, bottom + 0.1 * (bottom - top)))
    edges = np.array(grown).round().astype(int)
    parts = [
        image[:, : max(0, edges[:, 0].min())],
        image[:, min(width, edges[:, 2].max()) :],
        image[: max(0, edges[:, 1].min())],
        image[min(height, edges[:, 3].max()) :],
    ]
    best = max(parts, key=lambda part: min(part.shape[:2]))
    short = min(best.shape[:2])
    if short < 24:
        return []
    scale = 240 / short
    size = (min(960, round(best.shape[1] * scale)), min(960, round(best.shape[0] * scale)))
    return [np.asarray(cv2.resize(best, size, interpolation=cv2.INTER_CUBIC), np.uint8)]


def other_pictures() -> list[UInt8Image]:
    """Pictures without a person that benchmarks/landmarks/patches.py leaves alone."""
    import skimage.data
    import sklearn.datasets

    names = (
        "chelsea", "clock", "colorwheel", "gravel", "hubble_deep_field",
        "immunohistochemistry", "retina", "rocket", "text",
    )  # fmt: skip
    pictures = [load_image(np.asarray(getattr(skimage.data, name)())) for name in names]
    pictures.append(load_image(sklearn.datasets.load_sample_image("flower.jpg")))
    return [
        np.asarray(cv2.resize(part, (320, 320), interpolation=cv2.INTER_AREA), np.uint8)
        for picture in pictures
        for part in _tiles(picture)
    ]


def _tiles(picture: UInt8Image) -> list[UInt8Image]:
    """Nine overlapping quarters of a picture."""
    height, width = picture.shape[:2]
    return [
        picture[y : y + height // 2, x : x + width // 2]
        for y in (0, height // 4, height // 2)
        for x in (0, width // 4, width // 2)
    ]


def fit(measured: Measured) -> NDArray[np.float64]:
    """YuNet's box (left, top, right, bottom) in the cascade's square, a row a photo."""
    rows = []
    for y, h in zip(measured.faces[YUNET], measured.faces[HAAR], strict=True):
        if y and h and box_iou(y[0].box, h[0].box) > 0.3:
            # Undo HaarDetector's own correction to get the cascade's square back.
            left, top, right, _ = h[0].box
            side = (right - left) / (HaarDetector._RIGHT - HaarDetector._LEFT)
            x, y0 = left - HaarDetector._LEFT * side, top - HaarDetector._TOP * side
            rows.append((np.array(y[0].box) - [x, y0, x, y0]) / side)
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder shared/data")
    parser.add_argument("--model", type=Path, help="an .onnx file; the shipped weights by default")
    parser.add_argument("--network", type=Path, help="a landmark network of your own, .onnx")
    parser.add_argument("--min-neighbors", type=int, help="of Haar below the network")
    parser.add_argument("--min-score", type=float, default=0.995, help="with --min-neighbors")
    parser.add_argument("--limit", type=int, default=1000, help="photos a set")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    model = AgeSession(arguments.model or get_weights().path(), threads=1)
    refined = resolve_detector("haar") if arguments.min_neighbors is None else None
    if refined is None or arguments.network is not None:
        haar = HaarDetector(min_neighbors=arguments.min_neighbors or 3)
        refined = RefinedDetector(haar, arguments.network, min_score=arguments.min_score)
    detectors = {YUNET: YuNetDetector(), HAAR: HaarDetector(), REFINED: refined}
    print("| photos | detector | n | found | false faces | MAE | MAE where all found | ms |")
    print("|---|---|---|---|---|---|---|---|")
    empty: dict[str, list[UInt8Image]] = {"scikit-image, scikit-learn": other_pictures()}
    fits = []
    for name in SETS:
        manifest = read_csv(arguments.data / f"{name}.csv")
        rows = np.random.default_rng(0).permutation(len(manifest))[: arguments.limit]
        paths, ages = manifest.locate(), manifest.ages()
        measured = Measured(detectors, model)
        # A lower threshold: what may be a face must not pass for a picture without one.
        wary = YuNetDetector(score_threshold=0.3)
        for row in rows[np.isfinite(ages[rows])]:
            image = load_image(paths[row])
            measured.add(image, ages[row])
            empty.setdefault(f"{name}, beside the face", []).extend(
                beside_faces(image, wary.detect(image))
            )
        print(*measured.rows(name), sep="\n", flush=True)
        fits.append(fit(measured))
    print("\n| pictures without a face | n | " + " | ".join(detectors) + " |")
    print("|---" * (2 + len(detectors)) + "|")
    for name, pictures in empty.items():
        counts = [
            str(sum(len(detector.detect(picture)) for picture in pictures))
            for detector in detectors.values()
        ]
        print(f"| {name} | {len(pictures)} | " + " | ".join(counts) + " |", flush=True)
    if arguments.fit:
        print("\nYuNet's box in Haar's square (left, top, right, bottom), median:")
        print(np.round(np.median(np.concatenate(fits), axis=0), 3))


if __name__ == "__main__":
    main()
