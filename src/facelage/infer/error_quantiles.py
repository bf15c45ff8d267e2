"""Quantiles of the errors of people of each age, and where an error is among them.

What :mod:`facelage.infer.intervals` is made of. A *row* is the errors (predicted - true age,
over the spread, in years) that have each of some ascending *scores* at one age; between two
scores an error is linear, and beyond the first and the last it is on the line from that of
score 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

#: True ages in years of the rows. Beyond 80 few people are left to tell the errors at one age
#: from those at another.
KNOTS = np.arange(0.0, 81.0)
#: The errors at an age are those of people about as old: with weights by a Gaussian whose
#: standard deviation is a tenth of the age, within these years, and wider where fewer
#: than so many are within one and a half of it.
_SHARE, _LEAST, _MOST, _NEAREST = 0.1, 0.5, 3.0, 50
#: Shares of the errors below each quantile that is kept, and their scores: as many standard
#: deviations from the middle as they are in a normal distribution.
_LEVELS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
SCORES = tuple(round(NormalDist().inv_cdf(level), 4) for level in _LEVELS)
#: Least years between two quantiles that follow one another.
_STEP = 0.05


def error_quantiles(true: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The errors at each knot that have the scores (knots x scores), ascending."""
    distance = np.abs(KNOTS[:, None] - true[None, :])
    reach = np.sort(distance, axis=1)[:, min(_NEAREST, len(true)) - 1] / 1.5
    width = np.maximum(np.clip(_SHARE * KNOTS, _LEAST, _MOST), reach)
    order = np.argsort(errors)
    weights = np.exp(-0.5 * (distance[:, order] / width[:, None]) ** 2)
    place = (np.cumsum(weights, axis=1) - weights / 2) / weights.sum(1, keepdims=True)
    found = np.array([np.interp(_LEVELS, row, errors[order]) for row in place])
    # Each a step above the one before, also where many are off by the same.
    steps = _STEP * np.arange(len(_LEVELS))
    return np.asarray(np.maximum.accumulate(found - steps, axis=1) + steps, np.float64)


def between(
    ages: NDArray[np.float64], rows: NDArray[np.float64], years: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rows (K x L) of K ages at N other ages, N x L."""
    return np.stack([np.interp(years, ages, column) for column in rows.T], axis=1)


def at_score(
    rows: NDArray[np.float64], scores: Sequence[float], score: float
) -> NDArray[np.float64]:
    """The error that has a score in each of K rows of errors (K x L)."""
    middle = scores.index(0.0)
    if scores[0] <= score <= scores[-1]:
        return np.array([np.interp(score, scores, row) for row in rows])
    last = 0 if score < 0 else -1
    return np.asarray(
        rows[:, middle] + score / scores[last] * (rows[:, last] - rows[:, middle]), np.float64
    )


def scored(
    errors: NDArray[np.float64], rows: NDArray[np.float64], scores: Sequence[float]
) -> NDArray[np.float64]:
    """The score of each of N errors in its row (N x L): the inverse of :func:`at_score`."""
    known, middle = np.asarray(scores), scores.index(0.0)
    upper = np.clip((rows < errors[:, None]).sum(1), 1, len(known) - 1)
    each = np.arange(len(errors))
    below, above = rows[each, upper - 1], rows[each, upper]
    part = (errors - below) / (above - below)
    inner = known[upper - 1] + part * (known[upper] - known[upper - 1])
    off = errors - rows[:, middle]
    low = known[0] * off / (rows[:, 0] - rows[:, middle])
    high = known[-1] * off / (rows[:, -1] - rows[:, middle])
    outer = np.where(off < 0, low, high)
    beyond = (errors < rows[:, 0]) | (errors > rows[:, -1])
    return np.asarray(np.where(beyond, outer, inner), np.float64)
