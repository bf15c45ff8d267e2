"""Do intervals hold the true age as often as they claim, and how wide are they?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from facelage.errors import InvalidArrayError
from facelage.metrics.regression import check_pair


def interval_coverage(true: ArrayLike, low: ArrayLike, high: ArrayLike) -> dict[str, float]:
    """How often the true age lies in its interval, ends included.

    Parameters
    ----------
    true, low, high:
        True ages and the intervals' ends: (N,), years, no NaN.

    Returns
    -------
    dict
        ``n``, ``share`` (0..1) and ``median_width`` (years).

    Raises
    ------
    InvalidArrayError
        If the lengths differ, or an interval ends before it starts.
    """
    a, start = check_pair(true, low)
    _, end = check_pair(true, high)
    if (start > end).any():
        raise InvalidArrayError(
            "an interval ends before it starts",
            got=f"{int((start > end).sum())} of {len(a)}, first at "
            f"{int(np.flatnonzero(start > end)[0])}",
            expected="low at most high",
        )
    return {
        "n": float(len(a)),
        "share": float(((start <= a) & (a <= end)).mean()),
        "median_width": float(np.median(end - start)),
    }
