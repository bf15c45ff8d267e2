"""Figures by age, by age band and by any other group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import InvalidArrayError
from facelage.metrics.regression import check_pair, summary

DECADES = tuple(range(0, 100, 10))


def by_group(
    true: ArrayLike, predicted: ArrayLike, groups: Sequence[Any] | NDArray[Any]
) -> dict[str, dict[str, float]]:
    """The summary of each group, in the order of the groups' sorted names.

    Parameters
    ----------
    groups:
        N names, one a face; faces with an empty name are left out.

    Raises
    ------
    InvalidArrayError
        If the lengths differ.
    """
    a, b = check_pair(true, predicted)
    names = np.array([str(name) for name in groups])
    if names.shape != a.shape:
        raise InvalidArrayError(
            "groups and ages differ in length", got=f"{len(names)} and {len(a)}"
        )
    return {
        str(name): summary(a[names == name], b[names == name])
        for name in sorted(set(names.tolist()) - {""})
    }


def by_age(true: ArrayLike, predicted: ArrayLike) -> dict[int, dict[str, float]]:
    """The summary of each true age, rounded to whole years (halves up)."""
    a, b = check_pair(true, predicted)
    years = np.floor(a + 0.5).astype(int)
    return {int(year): summary(a[years == year], b[years == year]) for year in np.unique(years)}


def by_band(
    true: ArrayLike, predicted: ArrayLike, starts: Sequence[float] = DECADES
) -> dict[str, dict[str, float]]:
    """The summary of each band of true ages; decades by default.

    Parameters
    ----------
    starts:
        Lower ends of the bands in years, ascending; a band includes its lower
        end, the last has no upper end, and ages below the first are left out.
    """
    a, b = check_pair(true, predicted)
    number = np.searchsorted(np.asarray(starts, float), a, side="right") - 1
    labels = [f"{low:g}-{high - 1:g}" for low, high in pairwise(starts)]
    labels.append(f"{starts[-1]:g}+")
    return {
        labels[band]: summary(a[number == band], b[number == band])
        for band in np.unique(number)
        if band >= 0
    }


def macro_mae(true: ArrayLike, predicted: ArrayLike, starts: Sequence[float] = DECADES) -> float:
    """The mean over age bands of their MAE (years): every band counts the same."""
    bands = by_band(true, predicted, starts)
    return float(np.mean([figures["mae"] for figures in bands.values()]))
