"""Percentile bootstrap intervals: how much a figure owes to which faces were drawn.

Several photos of one person, and near-duplicates, are not independent faces.
With `groups` people are drawn, each with all their faces (cluster bootstrap:
Davison and Hinkley, 1997, section 3.8); a resample then has more or fewer
faces than the data, and its means are over those that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError
from facelage.metrics.groups import DECADES, group_names
from facelage.metrics.regression import Years, check_pair

Metric = Callable[[ArrayLike, ArrayLike], float]
Groups = Sequence[Any] | NDArray[Any]


def bootstrap_interval(
    metric: Metric,
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    groups: Groups | None = None,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """An interval for `metric` by resampling faces, or groups of faces, with replacement.

    Parameters
    ----------
    metric:
        A function of (true, predicted), such as :func:`facelage.metrics.mae`.
    groups:
        N names, one a face, of whom or of what it is a photo: groups are then drawn
        instead of faces. A face whose name is empty, None or NaN is a group of its own.
    rounds:
        Resamples.
    coverage:
        Share of resamples inside the interval, in 0..1.
    seed:
        Equal seeds give equal intervals.

    Returns
    -------
    tuple of float
        Low and high end (Efron, 1979; percentile method).

    Raises
    ------
    ConfigError
        If `rounds` or `coverage` is out of range.
    InvalidArrayError
        If there is not one group a face.
    """
    a, b = check_pair(true, predicted)
    figures = [
        metric(np.repeat(a, counts), np.repeat(b, counts))
        for counts in _face_counts(len(a), groups, rounds, seed)
    ]
    return percentiles(np.array(figures), coverage)


def resampled_figures(
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    groups: Groups | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> dict[str, Years]:
    """The headline figures of every resample of the faces.

    Parameters
    ----------
    groups:
        As for :func:`bootstrap_interval`.
    rounds:
        Resamples.
    seed:
        Equal seeds, numbers of faces and groups draw the same faces, so that the
        figures of two models on the same faces are paired round by round.

    Returns
    -------
    dict
        ``mae``, ``median_error``, ``mse``, ``rmse``, ``bias``, ``top1``, ``cs5``,
        ``cs10`` and ``macro_mae``, each of shape (rounds,), float64; ``macro_mae``
        is NaN in a round whose faces are all younger than the first decade.

    Raises
    ------
    ConfigError
        If `rounds` is out of range.
    InvalidArrayError
        If there is not one group a face.

    Notes
    -----
    A resample is how often each group was drawn. Most figures are means over
    faces (or a function of means), which are one product of that row with the
    groups' sums; the median is where the running count over the ordered errors
    passes the middle.
    """
    a, b = check_pair(true, predicted)
    n, error = len(a), b - a
    absolute = np.abs(error)
    hit = np.floor(a + 0.5) == np.floor(b + 0.5)
    band = np.searchsorted(DECADES, a, side="right") - 1
    in_band = band[:, None] == np.unique(band[band >= 0])
    columns: list[NDArray[Any]] = [absolute, error**2, error, hit, absolute <= 5, absolute <= 10]
    per_face = np.column_stack([*columns, in_band, in_band * absolute[:, None]])
    unit = unit_numbers(groups, n)
    per_unit = np.column_stack([np.bincount(unit, column) for column in per_face.T])
    order = np.argsort(absolute)
    ranked, unit_of_ranked = absolute[order], unit[order]
    sums, sizes, medians = [], [], []
    for counts in _unit_counts(len(per_unit), rounds, seed):
        running = counts[unit_of_ranked].cumsum()
        middle = ((running[-1] - 1) // 2, running[-1] // 2)
        sums.append(counts @ per_unit)
        sizes.append(running[-1])
        medians.append(ranked[np.searchsorted(running, middle, "right")].mean())
    names = ("mae", "mse", "bias", "top1", "cs5", "cs10")
    means, of_band = np.split(np.array(sums), [len(names)], axis=1)
    figures = dict(zip(names, (means / np.array(sizes)[:, None]).T, strict=True))
    drawn, totals = np.split(of_band, 2, axis=1)
    bands = (drawn > 0).sum(1)
    of_bands = np.divide(totals, drawn, out=np.zeros_like(totals), where=drawn > 0).sum(1)
    nowhere = np.full(rounds, np.nan)
    figures["macro_mae"] = np.divide(of_bands, bands, out=nowhere, where=bands > 0)
    figures["rmse"] = np.sqrt(figures["mse"])
    figures["median_error"] = np.array(medians)
    return figures


def summary_intervals(
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    groups: Groups | None = None,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Intervals for every figure of :func:`resampled_figures`, from the same resamples.

    They are those of :func:`bootstrap_interval` for each metric alone, and so are the
    parameters.
    """
    figures = resampled_figures(true, predicted, groups=groups, rounds=rounds, seed=seed)
    return {name: percentiles(values, coverage) for name, values in figures.items()}


def paired_interval(
    metric: Metric,
    true: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    groups: Groups | None = None,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """An interval for ``metric(first) - metric(second)`` on the same faces.

    Parameters
    ----------
    metric, groups, rounds, coverage, seed:
        As for :func:`bootstrap_interval`.
    true, first, second:
        Ages in years (N each): the true ones and two models'.

    Returns
    -------
    tuple of float
        The low and the high end, in the metric's unit. An interval that excludes 0
        says that the models differ.

    Raises
    ------
    InvalidArrayError
        If the rows differ in length, are empty or hold NaN, or there is not one group a face.
    ConfigError
        If `rounds` or `coverage` is out of range.
    """
    a, b = check_pair(true, first)
    _, c = check_pair(true, second)
    figures = []
    for counts in _face_counts(len(a), groups, rounds, seed):
        drawn, one, other = (np.repeat(ages, counts) for ages in (a, b, c))
        figures.append(metric(drawn, one) - metric(drawn, other))
    return percentiles(np.array(figures), coverage)


def unit_numbers(groups: Groups | None, count: int) -> NDArray[np.int64]:
    """Which unit of the bootstrap each of `count` faces belongs to: (count,), from 0 on.

    Without groups every face is a unit; so is one without a group's name.

    Raises
    ------
    InvalidArrayError
        If there is not one group a face.
    """
    if groups is None:
        return np.arange(count)
    numbers: dict[str | int, int] = {}
    named = enumerate(group_names(groups, count))
    return np.array([numbers.setdefault(name or row, len(numbers)) for row, name in named])


def _unit_counts(units: int, rounds: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each unit is drawn, (units,), in each round."""
    check_rounds(rounds)
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        yield np.bincount(rng.integers(0, units, units), minlength=units)


def _face_counts(
    count: int, groups: Groups | None, rounds: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    unit = unit_numbers(groups, count)
    for counts in _unit_counts(int(unit.max()) + 1, rounds, seed):
        yield counts[unit]


def check_rounds(rounds: int) -> None:
    """Raise a :class:`ConfigError` if `rounds` is less than 1."""
    if rounds < 1:
        raise ConfigError("rounds is out of range", got=str(rounds), expected="1 or more")


def percentiles(figures: Years, coverage: float = 0.95) -> tuple[float, float]:
    """The ends of the middle share `coverage` (0..1) of resampled figures.

    Raises
    ------
    ConfigError
        If `coverage` is out of range.
    """
    if not 0 < coverage < 1:
        raise ConfigError("coverage is out of range", got=str(coverage), expected="0 to 1")
    tail = (1 - coverage) / 2
    low, high = np.quantile(figures, [tail, 1 - tail])
    return float(low), float(high)
