"""Measure the face detectors side by side on the same photos.

    python benchmarks/accuracy/detectors.py ../shared/data

For each set: faces found, faces missed, false faces, MAE of the shipped weights
on what was found and on the photos in which both detectors find the face, and
milliseconds a photo (one thread, interleaved, median). A photo in these sets
shows one labelled person; a detection counts as false if the other detector sees
no face there (intersection over union below 0.3) although it sees one elsewhere.

Prints a Markdown table, as in docs/detectors.md. With ``--fit`` also prints
where YuNet's box lies within Haar's square, which HaarDetector's constants are.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from facelage.data.align import align
from facelage.data.detect import Detection, HaarDetector, YuNetDetector
from facelage.data.images import load_image
from facelage.data.readers import read_csv
from facelage.infer.session import AgeSession
from facelage.models import get_weights

# Never trained on by the shipped weights, which could not be judged on their own photos.
SETS = ("appa_real_dev", "frl_london")


def overlap(a: Detection, b: Detection) -> float:
    left, top = max(a.box[0], b.box[0]), max(a.box[1], b.box[1])
    right, bottom = min(a.box[2], b.box[2]), min(a.box[3], b.box[3])
    common = max(0.0, right - left) * max(0.0, bottom - top)
    return common / (a.size**2 + b.size**2 - common)


def measure(root: Path, name: str, limit: int, model: AgeSession, fits: list[np.ndarray]) -> None:
    manifest = read_csv(root / f"{name}.csv")
    rows = np.random.default_rng(0).permutation(len(manifest))[:limit]
    paths, ages = manifest.locate(), manifest.ages()
    detectors = {"yunet": YuNetDetector(), "haar": HaarDetector()}
    times: dict[str, list[float]] = {key: [] for key in detectors}
    faces: dict[str, list[list[Detection]]] = {key: [] for key in detectors}
    predicted: dict[str, list[float]] = {key: [] for key in detectors}
    true = []
    for row in rows:
        if np.isnan(ages[row]):
            continue
        image = load_image(paths[row])
        true.append(ages[row])
        for key, detector in detectors.items():
            start = time.perf_counter()
            found = sorted(detector.detect(image), key=lambda face: -face.size)
            times[key].append(1000 * (time.perf_counter() - start))
            faces[key].append(found)
            crops = np.stack([align(image, found[0], model.crop)]) if found else None
            predicted[key].append(model.ages(crops)[0] if crops is not None else np.nan)
        y, h = faces["yunet"][-1], faces["haar"][-1]
        if y and h and overlap(y[0], h[0]) > 0.3:
            # Undo HaarDetector's own correction to get the cascade's square back.
            left, top, right, _ = h[0].box
            side = (right - left) / (HaarDetector._RIGHT - HaarDetector._LEFT)
            x, y0 = left - HaarDetector._LEFT * side, top - HaarDetector._TOP * side
            fits.append((np.array(y[0].box) - [x, y0, x, y0]) / side)
    truth = np.array(true)
    both = np.all([np.isfinite(p) for p in predicted.values()], axis=0)
    for key in detectors:
        other = "haar" if key == "yunet" else "yunet"
        ages_found = np.array(predicted[key])
        found = np.isfinite(ages_found)
        false = sum(
            bool(faces[other][i]) and all(overlap(face, seen) < 0.3 for seen in faces[other][i])
            for i, many in enumerate(faces[key])
            for face in many
        )
        mae = np.abs(ages_found - truth)
        print(
            f"| {name} | {key} | {len(truth)} | {found.mean():.1%} | {false} "
            f"| {mae[found].mean():.2f} | {mae[both].mean():.2f} | {np.median(times[key]):.1f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder shared/data")
    parser.add_argument("--model", type=Path, help="an .onnx file; the shipped weights by default")
    parser.add_argument("--limit", type=int, default=1000, help="photos a set")
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    model = AgeSession(arguments.model or get_weights().path(), threads=1)
    fits: list[np.ndarray] = []
    print("| photos | detector | n | found | false faces | MAE | MAE where both found | ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name in SETS:
        measure(arguments.data, name, arguments.limit, model, fits)
    if arguments.fit:
        print("\nYuNet's box in Haar's square (left, top, right, bottom), median:")
        print(np.round(np.median(fits, axis=0), 3))


if __name__ == "__main__":
    main()
