"""Figures by age, by age band and by any other group."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError, InvalidArrayError
from facelage.metrics.regression import FIGURES, check_pair, summary

DECADES = tuple(range(0, 100, 10))
#: Lower ends in years of the stages of life.
LIFE_STAGES = {"child 0-12": 0, "teen 13-17": 13, "adult 18-64": 18, "senior 65+": 65}
#: A group of fewer faces says little, and is never the one that others are compared to.
FEW = 30


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
    names = group_names(groups, len(a))
    numbers = {name: number for number, name in enumerate(sorted(set(names) - {""}))}
    # Not names == name: NumPy's own strings lose what ends in a null character.
    group = np.array([numbers.get(name, -1) for name in names])
    return {
        name: summary(a[group == number], b[group == number]) for name, number in numbers.items()
    }


def compare_groups(
    true: ArrayLike, predicted: ArrayLike, groups: Sequence[Any] | NDArray[Any]
) -> dict[str, dict[str, Any]]:
    """As :func:`by_group`, each group compared with the best one.

    The figures are those of fairlearn's ``MetricFrame`` where fairlearn is
    installed (extra ``report``), and :func:`by_group`'s, which are the same,
    where it is not.

    Returns
    -------
    dict
        For each group its summary and ``mae_difference``, its MAE minus that of
        the best group (years, 0 or more for groups that are not few),
        ``mae_ratio``, its MAE over that of the best, and ``few``, whether it has
        fewer than 30 faces. The best group is the one with the lowest MAE among
        those that are not few; both comparisons are None where there is none,
        and the ratio also where the best group has no error at all.

    Raises
    ------
    InvalidArrayError
        If the lengths differ.
    """
    try:
        import pandas as pd
        from fairlearn.metrics import MetricFrame, count
    except ImportError:
        rows: dict[str, dict[str, Any]] = {**by_group(true, predicted, groups)}
    else:
        a, b = check_pair(true, predicted)
        names = group_names(groups, len(a))
        kept = np.array([name != "" for name in names])
        sorted_names = sorted(set(names) - {""})
        numbers = {name: number for number, name in enumerate(sorted_names)}
        rows = {}
        if kept.any():
            # By number: NumPy's own strings lose what ends in a null character. As a
            # series: fairlearn squeezes an array of one face until it has no dimension.
            table = MetricFrame(
                metrics={"n": count, **FIGURES},
                y_true=a[kept],
                y_pred=b[kept],
                sensitive_features=pd.Series([numbers[name] for name in names if name]),
            ).by_group
            rows = {
                name: {key: float(table.loc[number, key]) for key in table}
                for name, number in numbers.items()
            }
    best = min((row["mae"] for row in rows.values() if row["n"] >= FEW), default=None)
    for row in rows.values():
        row["mae_difference"] = None if best is None else row["mae"] - best
        row["mae_ratio"] = row["mae"] / best if best else None
        row["few"] = row["n"] < FEW
    return rows


def group_names(groups: Sequence[Any] | NDArray[Any], count: int) -> list[str]:
    """The names of `count` faces' groups as text; empty where missing.

    Raises
    ------
    InvalidArrayError
        If there are more or fewer.
    """
    names = [_name(name) for name in groups]
    if len(names) != count:
        raise InvalidArrayError("groups and ages differ in length", got=f"{len(names)} and {count}")
    return names


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
    labels = _band_labels(starts)
    a, b = check_pair(true, predicted)
    number = np.searchsorted(np.asarray(starts, float), a, side="right") - 1
    return {
        labels[band]: summary(a[number == band], b[number == band])
        for band in np.unique(number)
        if band >= 0
    }


def by_life_stage(true: ArrayLike, predicted: ArrayLike) -> dict[str, dict[str, float]]:
    """The summary of children (0 to 12), teens (to 17), adults (to 64) and seniors, by true age."""
    starts = tuple(LIFE_STAGES.values())
    names = dict(zip(_band_labels(starts), LIFE_STAGES, strict=True))
    return {names[band]: row for band, row in by_band(true, predicted, starts).items()}


def band_names(ages: ArrayLike, starts: Sequence[float] = DECADES) -> list[str]:
    """The band of :func:`by_band` that each age (years, no NaN) lies in; empty below the first."""
    labels = [*_band_labels(starts), ""]  # -1, below the first, is the last
    number = np.searchsorted(np.asarray(starts, float), np.asarray(ages, float), side="right") - 1
    return [labels[band] for band in number]


def _band_labels(starts: Sequence[float]) -> list[str]:
    if not len(starts) or any(low >= high for low, high in pairwise(starts)):
        raise ConfigError(
            "the bands' lower ends must ascend", got=str(starts), expected="like (0, 18, 65)"
        )
    whole = all(float(start).is_integer() for start in starts)
    labels = [f"{low:g}-{high - 1 if whole else high:g}" for low, high in pairwise(starts)]
    return [*labels, f"{starts[-1]:g}+"]


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
