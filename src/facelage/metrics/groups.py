"""Figures by age, by age band and by any other group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError, InvalidArrayError
from facelage.metrics.regression import check_pair, summary

DECADES = tuple(range(0, 100, 10))


def by_group(
    true: ArrayLike, predicted: ArrayLike, groups: Sequence[Any] | NDArray[Any]
) -> dict[str, dict[str, float]]:
    """The summary of each group, in the order of the groups' sorted names.

    Parameters
    ----------
    groups:
        N names, one a face; faces whose name is empty, None or NaN are left out.

    Raises
    ------
    InvalidArrayError
        If the lengths differ.
    """
    a, b = check_pair(true, predicted)
    names = [_name(name) for name in groups]
    if len(names) != len(a):
        raise InvalidArrayError(
            "groups and ages differ in length", got=f"{len(names)} and {len(a)}"
        )
    numbers = {name: number for number, name in enumerate(sorted(set(names) - {""}))}
    # Not names == name: NumPy's own strings lose what ends in a null character.
    group = np.array([numbers.get(name, -1) for name in names])
    return {
        name: summary(a[group == number], b[group == number]) for name, number in numbers.items()
    }


def _name(value: Any) -> str:
    # Missing in pandas: None, NaN or NaT (not equal to themselves), or NA (equal to nothing).
    missing = value is None or type(value).__name__ == "NAType" or value != value
    return "" if missing else str(value)


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

    Raises
    ------
    ConfigError
        If `starts` is empty or does not ascend.
    """
    if not len(starts) or any(low >= high for low, high in pairwise(starts)):
        raise ConfigError(
            "the bands' lower ends must ascend", got=str(starts), expected="like (0, 18, 65)"
        )
    a, b = check_pair(true, predicted)
    number = np.searchsorted(np.asarray(starts, float), a, side="right") - 1
    whole = all(float(start).is_integer() for start in starts)
    labels = [f"{low:g}-{high - 1 if whole else high:g}" for low, high in pairwise(starts)]
    labels.append(f"{starts[-1]:g}+")
    return {
        labels[band]: summary(a[number == band], b[number == band])
        for band in np.unique(number)
        if band >= 0
    }


def macro_mae(true: ArrayLike, predicted: ArrayLike, starts: Sequence[float] = DECADES) -> float:
    """The mean over age bands of their MAE (years): every band that has faces counts the same.

    Raises
    ------
    InvalidArrayError
        If no age lies in a band.
    """
    bands = by_band(true, predicted, starts)
    if not bands:
        raise InvalidArrayError(
            "no age lies in a band", got=f"all below {starts[0]:g}", expected="at least 1"
        )
    return float(np.mean([figures["mae"] for figures in bands.values()]))
