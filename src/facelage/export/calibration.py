"""How far a model is off on faces it was not trained on, to travel with its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import MAX_AGE, Manifest, concat, number_column, read_table
from facelage.data.prepared import agreed_crop
from facelage.errors import ManifestError
from facelage.export.parity import torch_answers
from facelage.export.spread import fit_spread
from facelage.infer.intervals import FEWEST, Calibration
from facelage.infer.spread import SpreadNeuron

if TYPE_CHECKING:
    from facelage.models.mobilenet import AgeMobileNetV2


class Calibrated(NamedTuple):
    """What a model file needs to say how sure it is."""

    calibration: Calibration
    #: For :func:`facelage.export.export_onnx`; None where the calibration is without spreads.
    spread: SpreadNeuron | None


def calibrate(
    model: AgeMobileNetV2,
    crop: CropSpec,
    folders: Sequence[str | os.PathLike[str]],
    *,
    split: str = "val",
) -> Calibrated:
    """A calibration from the faces that training set aside, and the neuron for their spreads.

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
    seen, ages = [], []
    for start in range(0, len(store), 256):
        rows = np.arange(start, min(start + 256, len(store)))
        some_seen, some_ages = torch_answers(model, store.canonical(rows, crop), crop)
        seen.append(some_seen)
        ages.append(some_ages)
    true, predicted = faces.ages(), np.concatenate(ages)
    if len(true) < FEWEST:  # refused below, with its reason
        return Calibrated(Calibration.fit(true, predicted), None)
    groups = list(faces.frame["group"])
    neuron, spreads = fit_spread(np.concatenate(seen), true, predicted, groups)
    return Calibrated(Calibration.fit(true, predicted, spreads), neuron)


def calibration_from_table(path: str | os.PathLike[str]) -> Calibration:
    """A calibration from a table of predictions: columns ``age`` and ``predicted``, in years.

    Such tables come from ``facelage evaluate`` and ``facelage crossval``. Rows
    without one of the two are left out.

    Raises
    ------
    ManifestError
        If the table can't be read, lacks a column, or a cell is no number or no
        possible age.
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
    pairs = np.stack([number_column(frame, name) for name in ("age", "predicted")], axis=1)
    for name, column, low, high in (
        ("age", pairs[:, 0], 0.0, MAX_AGE),
        ("predicted", pairs[:, 1], -MAX_AGE, 2 * MAX_AGE),  # wrong, yet from a model of ages
    ):
        odd = np.flatnonzero(np.isfinite(column) & ((column < low) | (column > high)))
        if len(odd):
            raise ManifestError(
                f"row {odd[0] + 1} has an impossible {name}",
                got=f"{column[odd[0]]:g} in {path}",
                expected=f"{low:g} to {high:g} years, or an empty cell",
            )
    pairs = pairs[np.isfinite(pairs).all(1)]
    return Calibration.fit(pairs[:, 0], pairs[:, 1])
