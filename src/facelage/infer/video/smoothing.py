"""One age from many frames of a face."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import ArrayLike

from facelage.errors import ConfigError
from facelage.infer.result import FaceAge

#: Most frames of a face that are kept, whatever the window.
MOST_FRAMES = 1000
#: Side of a face's box below which it has fewer pixels than the model's crop.
_FULL_SIZE = 112.0


class AgeSmoother:
    """The age of one face from its last frames: their interquartile mean.

    The lowest and the highest quarter are left out, by weight, so a few blurred
    or turned frames count for nothing, and the rest is averaged, so the age
    settles as frames are added.

    Parameters
    ----------
    window:
        Seconds back that count, at most 1000 frames; 0 for the last frame
        alone, ``math.inf`` for all.

    Raises
    ------
    ConfigError
        If the window is negative.
    """

    def __init__(self, window: float = 10.0) -> None:
        if not window >= 0:
            raise ConfigError("smoothing is out of range", got=str(window), expected="0 or more")
        self.window = window
        self._seen: deque[tuple[float, float, float]] = deque(maxlen=MOST_FRAMES)

    def add(self, age: float, weight: float, time: float) -> float:
        """Take in a frame's age (years, weight above 0, seconds); return the smooth age, years."""
        self._seen.append((time, age, weight))
        while time - self._seen[0][0] > self.window:
            self._seen.popleft()
        if self.window == 0:
            return age
        _, ages, weights = zip(*self._seen, strict=True)
        return interquartile_mean(ages, weights)


def interquartile_mean(values: ArrayLike, weights: ArrayLike) -> float:
    """The weighted mean of the middle half of N values, N at least 1, weights above 0."""
    ages, share = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    order = np.argsort(ages, kind="stable")
    ages, share = ages[order], share[order] / share.sum()
    ends = np.cumsum(share)
    # How much of each value's share lies between the quartiles.
    inside = np.minimum(ends, 0.75) - np.maximum(ends - share, 0.25)
    inside = np.maximum(inside, 0.0)
    return float(np.clip(inside @ ages / inside.sum(), ages[0], ages[-1]))


def face_weight(face: FaceAge) -> float:
    """How much a frame of a face counts, above 0: its score, and its area if it is small."""
    score = 1.0 if face.score is None else max(face.score, 0.01)
    if face.box is None:
        return score
    left, top, right, bottom = face.box
    size = math.sqrt(max(right - left, 1.0) * max(bottom - top, 1.0))
    return score * min(1.0, size / _FULL_SIZE) ** 2


class SteadyNumber:
    """A whole number that follows a value without flickering between two.

    It changes when the value is more than three quarters away from it.
    """

    def __init__(self) -> None:
        self._shown: int | None = None

    def follow(self, value: float) -> int:
        """The number to show for `value`."""
        if self._shown is None or abs(value - self._shown) > 0.75:
            self._shown = round(value)
        return self._shown
