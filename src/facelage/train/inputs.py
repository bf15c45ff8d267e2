"""What a run is given: checked rows, their loss weights, and a digest that names them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.data.manifest import MAX_AGE, Manifest
from facelage.errors import ManifestError
from facelage.train.config import TrainConfig


def check_rows(split: str, part: Manifest) -> None:
    """Raise ManifestError unless `part` has at least two rows, all with a possible age."""
    if len(part) < 2:
        raise ManifestError(
            f"the {split} split is empty",
            got=f"{len(part)} usable rows",
            expected="at least 2",
            fix="run `facelage prepare`, which assigns splits",
        )
    ages = part.ages()
    bad = np.flatnonzero(~(np.isfinite(ages) & (ages >= 0) & (ages <= MAX_AGE)))
    if len(bad):
        raise ManifestError(
            f"rows of the {split} split have no usable age",
            got=f"{len(bad)} of {len(part)}, first {part.frame['path'].iloc[bad[0]]}",
            expected=f"years, 0 to {MAX_AGE:g}",
            fix="label them, or give them another status than ok",
        )


def source_weights(train: Manifest, config: TrainConfig) -> NDArray[np.float32]:
    """The loss weight of each row, by its data set."""
    weights = np.ones(len(train), np.float32)
    if not config.source_weights:
        return weights
    if "source" in train.frame:
        sources = [str(source) for source in train.frame["source"]]
    else:
        sources = [train.root.resolve().name] * len(train)
    unknown = sorted(set(config.source_weights) - set(sources))
    if unknown:
        raise ManifestError(
            "source_weights names data sets that are not there",
            got=", ".join(unknown),
            expected=", ".join(sorted(set(sources))),
        )
    for row, source in enumerate(sources):
        weights[row] = config.source_weights.get(source, 1.0)
    return weights


def identity(train: Manifest, val: Manifest, crop: CropSpec) -> str:
    """A digest of the crops' names, their ages and the crop's numbers."""
    digest = hashlib.sha256(crop.digest().encode())
    for part in (train, val):
        for name, age in zip(part.frame["crop"], part.ages(), strict=True):
            digest.update(f"{name}\t{age:g}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()
