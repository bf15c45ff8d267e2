"""Choose how many hits make a box (Haar) and which score makes a face (the network).

    python benchmarks/landmarks/choose.py PREPARED... --network FILE.onnx

prints, for photos of the val splits, how many of YuNet's faces are found and how many
false ones (overlap with YuNet's below 0.3) come with them. The package takes the hits
that find most, and the highest score that loses at most half a point of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from patches import read_faces

from facelage.data.detect import HaarDetector, RefinedDetector
from facelage.data.detect.base import box_iou
from facelage.data.images import load_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path, nargs="+")
    parser.add_argument("--network", type=Path)
    parser.add_argument("--photos", type=int, default=400)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    faces = read_faces(arguments.prepared, "val")
    order = np.random.default_rng(1).permutation(len(faces))[: arguments.photos]
    hits = (1, 2, 3, 5)
    refined = {
        count: RefinedDetector(HaarDetector(min_neighbors=count), arguments.network, min_score=0.0)
        for count in hits
    }
    scores = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
    rows: dict[tuple[int, float | None], list[tuple[bool, int]]] = {}
    for index in order:
        face = faces[index]
        image = load_image(face.path)
        for count, detector in refined.items():
            plain = detector.detector.detect(image)
            cases = [(None, plain)]
            found = detector.detect(image)
            cases += [(s, [f for f in found if (f.score or 0.0) >= s]) for s in scores]
            for score, kept in cases:
                overlaps = [box_iou(each.box, face.box) for each in kept]
                false = sum(overlap < 0.3 for overlap in overlaps)
                rows.setdefault((count, score), []).append((max(overlaps, default=0) >= 0.3, false))
    print("| min_neighbors | min_score | n | found | false faces |\n|---|---|---|---|---|")
    for (count, score), each in rows.items():
        share = np.mean([hit for hit, _ in each])
        false = sum(number for _, number in each)
        limit = "alone" if score is None else score
        print(f"| {count} | {limit} | {len(each)} | {share:.1%} | {false} |")


if __name__ == "__main__":
    main()
