"""Percentile bootstrap intervals: how much a figure owes to which faces were drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError
from facelage.metrics.groups import DECADES
from facelage.metrics.regression import Years, check_pair

Metric = Callable[[ArrayLike, ArrayLike], float]


def bootstrap_interval(
    metric: Metric,
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """An interval for `metric` by resampling faces with replacement.

    Parameters
    ----------
    metric:
        A function of (true, predicted), such as :func:`facelage.metrics.mae`.
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
    """
    a, b = check_pair(true, predicted)
    check_rounds(rounds)
    rng = np.random.default_rng(seed)
    figures = np.empty(rounds)
    for index in range(rounds):
        drawn = rng.integers(0, len(a), len(a))
        figures[index] = metric(a[drawn], b[drawn])
    return percentiles(figures, coverage)


def resampled_figures(
    true: ArrayLike, predicted: ArrayLike, *, rounds: int = 1000, seed: int = 0
) -> dict[str, Years]:
    """The headline figures of every resample of the faces.

    Parameters
    ----------
    rounds:
        Resamples.
    seed:
        Equal seeds and equal numbers of faces draw the same faces, so that the
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

    Notes
    -----
    A resample is how often each face was drawn. Most figures are means over
    faces (or a function of means), which are one product with that row; the
    median is where the running count over the ordered errors passes the middle.
    """
    a, b = check_pair(true, predicted)
    check_rounds(rounds)
    n, error = len(a), b - a
    absolute = np.abs(error)
    hit = np.floor(a + 0.5) == np.floor(b + 0.5)
    band = np.searchsorted(DECADES, a, side="right") - 1
    in_band = band[:, None] == np.unique(band[band >= 0])
    columns: list[NDArray[Any]] = [absolute, error**2, error, hit, absolute <= 5, absolute <= 10]
    per_face = np.column_stack([*columns, in_band, in_band * absolute[:, None]]).astype(np.float64)
    order = np.argsort(absolute)
    ranked, middle = absolute[order], ((n - 1) // 2, n // 2)
    rng = np.random.default_rng(seed)
    sums = np.empty((rounds, per_face.shape[1]))
    medians = np.empty(rounds)
    for index in range(rounds):
        counts = np.bincount(rng.integers(0, n, n), minlength=n)
        sums[index] = counts @ per_face
        medians[index] = ranked[np.searchsorted(counts[order].cumsum(), middle, "right")].mean()
    names = ("mae", "mse", "bias", "top1", "cs5", "cs10")
    figures = {name: sums[:, i] / n for i, name in enumerate(names)}
    drawn, totals = np.split(sums[:, len(names) :], 2, axis=1)
    bands = (drawn > 0).sum(1)
    of_bands = np.divide(totals, drawn, out=np.zeros_like(totals), where=drawn > 0).sum(1)
    nowhere = np.full(rounds, np.nan)
    figures["macro_mae"] = np.divide(of_bands, bands, out=nowhere, where=bands > 0)
    figures["rmse"] = np.sqrt(figures["mse"])
    figures["median_error"] = medians
    return figures


def summary_intervals(
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Intervals for every figure of :func:`resampled_figures`, from the same resamples.

    They are those of :func:`bootstrap_interval` for each metric alone.
    """
    figures = resampled_figures(true, predicted, rounds=rounds, seed=seed)
    return {name: percentiles(values, coverage) for name, values in figures.items()}


def paired_interval(
    metric: Metric,
    true: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """An interval for ``metric(first) - metric(second)`` on the same faces.

    An interval that excludes 0 says that the models differ.
    """
    a, b = check_pair(true, first)
    _, c = check_pair(true, second)
    check_rounds(rounds)
    rng = np.random.default_rng(seed)
    figures = np.empty(rounds)
    for index in range(rounds):
        drawn = rng.integers(0, len(a), len(a))
        figures[index] = metric(a[drawn], b[drawn]) - metric(a[drawn], c[drawn])
    return percentiles(figures, coverage)


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
