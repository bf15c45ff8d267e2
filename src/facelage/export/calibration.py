"""How far a model is off on faces it was not trained on, to travel with its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest, concat, read_table
from facelage.data.prepared import agreed_crop
from facelage.errors import ManifestError
from facelage.export.parity import torch_ages
from facelage.infer.intervals import Calibration

if TYPE_CHECKING:
    from facelage.models.mobilenet import AgeMobileNetV2


def calibrate(
    model: AgeMobileNetV2,
    crop: CropSpec,
    folders: Sequence[str | os.PathLike[str]],
    *,
    split: str = "val",
) -> Calibration:
    """A calibration from the faces that training set aside.

    Parameters
    ----------
    model, crop:
        As :func:`facelage.models.load_weights` gives them.
    folders:
        Prepared folders; the intervals hold for faces like theirs.
    split:
        Which rows. Training rows would make the intervals far too narrow.

    Raises
    ------
    ManifestError
        If there is no such row.
    ConfigError
        If the faces were prepared with another crop.
    InvalidArrayError
        If there are fewer than 100 of them.
    """
    paths = [Path(folder) for folder in folders]
    agreed_crop(paths, crop)
    faces = concat([Manifest.load(path) for path in paths]).usable(split)
    faces = Manifest(faces.frame[np.isfinite(faces.ages())], faces.root)
    if not len(faces):
        raise ManifestError(
            "no faces to calibrate on",
            got=f"no usable {split} rows with an age in {', '.join(map(str, paths))}",
        )
    store = CropStore(faces, memory_gb=0.0)
    ages = []
    for start in range(0, len(store), 256):
        rows = np.arange(start, min(start + 256, len(store)))
        ages.append(torch_ages(model, store.canonical(rows, crop), crop))
    return Calibration.fit(faces.ages(), np.concatenate(ages))


def calibration_from_table(path: str | os.PathLike[str]) -> Calibration:
    """A calibration from a table of predictions: columns ``age`` and ``predicted``, in years.

    Such tables come from ``facelage evaluate`` and ``facelage crossval``. Rows
    without one of the two are left out.

    Raises
    ------
    ManifestError
        If the table can't be read or lacks a column.
    InvalidArrayError
        If fewer than 100 rows are left.
    """
    frame = read_table(Path(path))
    missing = [name for name in ("age", "predicted") if name not in frame]
    if missing:
        raise ManifestError(
            "the table holds no predictions",
            got=f"{path} without {' and '.join(missing)}",
            expected="columns age and predicted, in years",
        )
    pairs = frame[["age", "predicted"]].replace("", np.nan).astype(np.float64).to_numpy()
    pairs = pairs[np.isfinite(pairs).all(1)]
    return Calibration.fit(pairs[:, 0], pairs[:, 1])
