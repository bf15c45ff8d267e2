"""Labelled faces of a prepared folder, to quantise and to check models on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.errors import ManifestError


def labelled_faces(
    folder: str | os.PathLike[str], crop: CropSpec, *, split: str, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Up to `count` crops of a split and their ages, spread evenly over its rows.

    Returns
    -------
    tuple
        Crops (N x size x size x 3, RGB, uint8) and ages (N, years).

    Raises
    ------
    ManifestError
        If the split has no usable row with an age.
    ConfigError
        If the faces were prepared with another crop.
    """
    agreed_crop([Path(folder)], crop)
    faces = Manifest.load(folder).usable(split)
    known = np.flatnonzero(np.isfinite(faces.ages()))
    if not len(known):
        raise ManifestError(
            f"no faces of the split {split!r}",
            got=f"{folder} without a usable {split} row that has an age",
            fix="name a folder of `facelage prepare` with training and validation faces",
        )
    chosen = known[np.unique(np.linspace(0, len(known) - 1, count).astype(int))]
    chosen_faces = Manifest(faces.frame.iloc[chosen].reset_index(drop=True), faces.root)
    store = CropStore(chosen_faces, memory_gb=0.0)
    return store.canonical(np.arange(len(store)), crop), chosen_faces.ages()
