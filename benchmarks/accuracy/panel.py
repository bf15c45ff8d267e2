"""Write what a panel of age models agrees on into the manifests, as one more teacher.

    python benchmarks/accuracy/panel.py PREPARED... [--label PREPARED...] [--without NAME]

adds a column `teacher_panel` (years): the mean of what own_answers.py, faceres_teacher.py and
teachers.py have written. Children are judged mostly by facelage's own weights, which know
UTKFace's, grown-ups by all three: CHILD up to YOUNG years, ADULT from GROWN years on, in
between a share of both, by the median of the answers, the members after --without left out.
A mean draws the old to the others, so ages above FROM are moved STRETCH further from it.

The shares were chosen on the validation splits, appa_real_dev and the London set
(docs/experiments.md, "Faces of no one"). The panel's answer also becomes the age of the faces
of the sets after --label: photos of no one, such as those of made_faces.py. Columns that are
there are written again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facelage.data.manifest import Manifest

COLUMN = "teacher_panel"
CHILD = {"own": 0.7, "faceres": 0.3, "face_api": 0.0}
ADULT = {"own": 0.4, "faceres": 0.4, "face_api": 0.2}
YOUNG, GROWN = 13.0, 22.0
FROM, STRETCH = 35.0, 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", nargs="*", type=Path)
    parser.add_argument("--label", nargs="+", action="extend", type=Path, default=[])
    parser.add_argument("--without", choices=CHILD, action="append", default=[])
    arguments = parser.parse_args()
    for prepared in (*arguments.prepared, *arguments.label):
        manifest = Manifest.load(prepared)
        frame = manifest.frame
        members = [name for name in CHILD if name not in arguments.without]
        ages = agreed({name: answers(frame, name) for name in members})
        frame[COLUMN] = ["" if np.isnan(age) else f"{age:.2f}" for age in ages]
        known = ~np.isnan(ages)
        if prepared in arguments.label:
            frame.loc[known, "age"] = np.round(ages[known], 2)
        manifest.save(prepared / "manifest.csv")
        error = ages[known] - manifest.ages()[known]
        print(
            f"{prepared}: {COLUMN}, n {known.sum()}, mean {ages[known].mean():.1f}, "
            f"MAE {np.abs(error).mean():.2f}, bias {error.mean():+.2f}"
        )


def answers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return pd.to_numeric(frame[f"teacher_{name}"], errors="coerce").to_numpy(np.float64)


def agreed(said: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The panel's ages (N) of the members' answers (N each), NaN where one has none."""
    stack = np.stack(list(said.values()))
    grown = np.clip((np.median(stack, axis=0) - YOUNG) / (GROWN - YOUNG), 0, 1)
    child, adult = (np.array([[part[name]] for name in said]) for part in (CHILD, ADULT))
    shares = child / child.sum() + grown * (adult / adult.sum() - child / child.sum())
    ages = (stack * shares).sum(axis=0)
    return np.asarray(ages + STRETCH * np.maximum(ages - FROM, 0))


if __name__ == "__main__":
    main()
