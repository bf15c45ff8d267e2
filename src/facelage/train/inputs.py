"""What a run is given: checked rows, their loss weights, and a digest that names them."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec
from facelage.data.manifest import MAX_AGE, Manifest
from facelage.errors import ManifestError
from facelage.train.config import TrainConfig
from facelage.train.live import LiveTeachers


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


def loss_weights(train: Manifest, config: TrainConfig) -> NDArray[np.float32]:
    """The loss weight of each row, by its data set and its age."""
    weights = age_weights(train.ages(), config.age_weights)
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
        weights[row] *= config.source_weights.get(source, 1.0)
    return weights


def age_weights(ages: NDArray[np.float64], by_age: dict[str, float]) -> NDArray[np.float32]:
    """The loss weight of each of N ages in years, by TrainConfig's `age_weights`."""
    if not by_age:
        return np.ones(len(ages), np.float32)
    named = np.array(sorted((float(age), weight) for age, weight in by_age.items()))
    weights: NDArray[np.float32] = np.interp(ages, named[:, 0], named[:, 1]).astype(np.float32)
    return weights


def teacher_targets(
    train: Manifest, config: TrainConfig, live: LiveTeachers | None = None
) -> NDArray[np.float32]:
    """The label of each row and its teachers' answers: N x (1 + teachers), NaN where there is none.

    Live teachers have not been asked yet.

    Raises
    ------
    ManifestError
        If a teacher has no column, or it holds something else than ages.
    """
    live = live or LiveTeachers()
    columns = [train.ages()]
    for name in config.teachers:
        if name in live:
            columns.append(np.full(len(train), math.nan))
            continue
        if name not in train.frame:
            raise ManifestError(
                "a teacher's answers are not in the manifests",
                got=f"no column {name}",
                expected=f"a column of ages in years; there are {', '.join(map(str, train.frame))}",
                fix="write its answers into every manifest, or leave it out of `teachers`",
            )
        try:
            answers = train.frame[name].replace("", math.nan).astype(np.float64).to_numpy()
        except ValueError as error:
            raise ManifestError(
                f"the column {name} does not hold ages", got=str(error), expected="years"
            ) from error
        columns.append(np.where(np.isfinite(answers), answers, math.nan))
    return np.stack(columns, 1).astype(np.float32)


def identity(
    train: Manifest,
    val: Manifest,
    crop: CropSpec,
    config: TrainConfig,
    live: LiveTeachers | None = None,
) -> str:
    """A digest of the crops' names, photos, faces and ages, what is taught beside, and the crop."""
    live = live or LiveTeachers()
    digest = hashlib.sha256(crop.digest().encode())
    for part in (train, val):
        for name, age in zip(part.frame["crop"], part.ages(), strict=True):
            digest.update(f"{name}\t{age:g}\n".encode())
        for column in ("sha256", "box", "landmarks"):  # another photo, or found by another detector
            digest.update("\n".join(part.frame[column]).encode())
        digest.update(b"\n")
    if config.teachers:
        digest.update(teacher_targets(train, config, live).tobytes())
    if live:
        digest.update(live.digest())
    for name in (*config.attributes, *(name for name in config.embeddings if name not in live)):
        digest.update(f"{name}\n".encode())
        digest.update("\n".join(map(str, train.frame[name])).encode())
    return digest.hexdigest()
