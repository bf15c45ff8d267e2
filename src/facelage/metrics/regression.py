"""Errors of predicted ages, as pure functions on arrays of years.

All take ``(true, predicted)``: one-dimensional, of equal length, in years,
without NaN. CS@k is the cumulative score of Geng et al. (IEEE TPAMI 29(12),
2007): the share of faces whose absolute error is at most k years.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import InvalidArrayError

Years = NDArray[np.float64]


def check_pair(true: ArrayLike, predicted: ArrayLike) -> tuple[Years, Years]:
    """Both as float64 arrays.

    Raises
    ------
    InvalidArrayError
        If they are empty, differ in shape, have more than one dimension, or
        hold NaN or infinity.
    """
    a, b = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InvalidArrayError(
            "true and predicted ages must be two equally long rows",
            got=f"shapes {a.shape} and {b.shape}",
            expected="(N,) and (N,)",
        )
    if not len(a):
        raise InvalidArrayError("no ages to compare", got="0 faces", expected="at least 1")
    for name, values in (("true", a), ("predicted", b)):
        bad = ~np.isfinite(values)
        if bad.any():
            raise InvalidArrayError(
                f"the {name} ages are not all numbers",
                got=f"{int(bad.sum())} of {len(values)} NaN or infinite, first at "
                f"{int(np.flatnonzero(bad)[0])}",
                fix="leave failures out and report how many there are",
            )
    return a, b


def errors(true: ArrayLike, predicted: ArrayLike) -> Years:
    """Predicted minus true age, in years: positive where a face is called too old."""
    a, b = check_pair(true, predicted)
    return b - a


def mae(true: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error in years."""
    return float(np.abs(errors(true, predicted)).mean())


def median_error(true: ArrayLike, predicted: ArrayLike) -> float:
    """Median absolute error in years."""
    return float(np.median(np.abs(errors(true, predicted))))


def mse(true: ArrayLike, predicted: ArrayLike) -> float:
    """Mean squared error in years squared."""
    return float((errors(true, predicted) ** 2).mean())


def rmse(true: ArrayLike, predicted: ArrayLike) -> float:
    """Root of the mean squared error, in years."""
    return float(np.sqrt(mse(true, predicted)))


def bias(true: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of predicted minus true age, in years: positive if faces are called too old."""
    return float(errors(true, predicted).mean())


def top1(true: ArrayLike, predicted: ArrayLike) -> float:
    """Share of faces whose predicted age, rounded to the nearest year, is the true one.

    Halves round up, as people round ages. A true age with a fraction (from a
    birth date) is rounded in the same way.
    """
    a, b = check_pair(true, predicted)
    return float((np.floor(a + 0.5) == np.floor(b + 0.5)).mean())


def cs(true: ArrayLike, predicted: ArrayLike, k: float) -> float:
    """CS@k: share (0..1) of faces with an absolute error of at most `k` years."""
    return float((np.abs(errors(true, predicted)) <= k).mean())


def cs_curve(
    true: ArrayLike, predicted: ArrayLike, ks: Iterable[float] = range(1, 16)
) -> dict[float, float]:
    """CS@k for several k."""
    absolute = np.abs(errors(true, predicted))
    return {k: float((absolute <= k).mean()) for k in ks}


def cs5(true: ArrayLike, predicted: ArrayLike) -> float:
    """Share (0..1) of faces with an absolute error of at most 5 years."""
    return cs(true, predicted, 5)


def cs10(true: ArrayLike, predicted: ArrayLike) -> float:
    """Share (0..1) of faces with an absolute error of at most 10 years."""
    return cs(true, predicted, 10)


#: The headline figures by name, in the order of tables.
FIGURES: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "mae": mae,
    "median_error": median_error,
    "mse": mse,
    "rmse": rmse,
    "bias": bias,
    "top1": top1,
    "cs5": cs5,
    "cs10": cs10,
}


def summary(true: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """The headline figures of predictions.

    Parameters
    ----------
    true, predicted:
        Ages in years, N each.

    Returns
    -------
    dict of str to float
        ``n``, ``mae``, ``median_error``, ``rmse`` and ``bias`` (years, predicted minus true),
        ``mse`` (years squared), and the shares ``top1``, ``cs5`` and ``cs10`` in 0..1.

    Raises
    ------
    InvalidArrayError
        If the rows differ in length, are empty or hold NaN.
    """
    a, b = check_pair(true, predicted)
    return {"n": float(len(a)), **{name: figure(a, b) for name, figure in FIGURES.items()}}
