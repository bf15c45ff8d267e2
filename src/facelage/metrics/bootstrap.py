"""Percentile bootstrap intervals: how much a figure owes to which faces were drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from facelage.errors import ConfigError
from facelage.metrics.regression import check_pair, errors

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
    _check(rounds, coverage)
    rng = np.random.default_rng(seed)
    figures = np.empty(rounds)
    for index in range(rounds):
        drawn = rng.integers(0, len(a), len(a))
        figures[index] = metric(a[drawn], b[drawn])
    return _ends(figures, coverage)


def summary_intervals(
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    rounds: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Intervals for MAE, MSE, RMSE, bias, top-1, CS@5 and CS@10 from the same resamples.

    All of these are means over faces (or a function of one), so a resample is
    how often each face was drawn, and its figures are one product with that row.
    The intervals are those of :func:`bootstrap_interval` for each metric alone.
    """
    a, b = check_pair(true, predicted)
    _check(rounds, coverage)
    error = errors(a, b)
    absolute = np.abs(error)
    per_face = np.column_stack(
        [
            absolute,
            error**2,
            error,
            np.floor(a + 0.5) == np.floor(b + 0.5),
            absolute <= 5,
            absolute <= 10,
        ]
    ).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty((rounds, per_face.shape[1]))
    for index in range(rounds):
        counts = np.bincount(rng.integers(0, len(a), len(a)), minlength=len(a))
        means[index] = counts @ per_face / len(a)
    names = ("mae", "mse", "bias", "top1", "cs5", "cs10")
    intervals = {name: _ends(means[:, i], coverage) for i, name in enumerate(names)}
    intervals["rmse"] = _ends(np.sqrt(means[:, names.index("mse")]), coverage)
    return intervals


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
    _check(rounds, coverage)
    rng = np.random.default_rng(seed)
    figures = np.empty(rounds)
    for index in range(rounds):
        drawn = rng.integers(0, len(a), len(a))
        figures[index] = metric(a[drawn], b[drawn]) - metric(a[drawn], c[drawn])
    return _ends(figures, coverage)


def _check(rounds: int, coverage: float) -> None:
    if rounds < 1:
        raise ConfigError("rounds is out of range", got=str(rounds), expected="1 or more")
    if not 0 < coverage < 1:
        raise ConfigError("coverage is out of range", got=str(coverage), expected="0 to 1")


def _ends(
    figures: np.ndarray[tuple[int], np.dtype[np.float64]], coverage: float
) -> tuple[float, float]:
    tail = (1 - coverage) / 2
    low, high = np.quantile(figures, [tail, 1 - tail])
    return float(low), float(high)
