"""Intervals of model files from before weights 1.6.1, whose errors go by predicted age.

Such files still say what they said when they were made; new ones are
:class:`facelage.infer.intervals.Calibration`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import WeightsError
from facelage.infer.intervals import Calibration, checked_spread, checked_threshold, residual_ends


@dataclass(frozen=True, slots=True)
class OlderCalibration:
    """The errors that faces set aside had, in units of what is usual at the predicted age.

    Attributes
    ----------
    knots:
        Predicted ages in years, ascending.
    low_scales, high_scales:
        How many years away from the predicted age each end lies at each knot for a
        residual of 1; linear in between and constant outside.
    residuals:
        (true - predicted age) of the calibration faces, over their spread and scale,
        ascending.
    """

    knots: tuple[float, ...]
    low_scales: tuple[float, ...]
    high_scales: tuple[float, ...]
    residuals: tuple[float, ...]

    def __post_init__(self) -> None:
        scales = (*self.low_scales, *self.high_scales)
        good = (
            len(self.knots) == len(self.low_scales) == len(self.high_scales) > 0
            and len(self.residuals) > 0
            and all(map(math.isfinite, (*self.knots, *scales, *self.residuals)))
            and list(self.knots) == sorted(set(self.knots))
            and min(scales) > 0
            and list(self.residuals) == sorted(self.residuals)
        )
        if not good:
            raise WeightsError(
                "the calibration's numbers are out of range",
                expected="ascending knots, two positive scales for each, ascending residuals",
            )

    def interval(
        self, age: ArrayLike, coverage: float = 0.9, spread: ArrayLike = 1.0
    ) -> NDArray[np.float64]:
        """The low and high end for predicted ages, as of the newer class."""
        years = np.asarray(age, np.float64)
        unit, ends = checked_spread(spread, years), []
        for residual in residual_ends(self.residuals, coverage):
            scales = self.low_scales if residual < 0 else self.high_scales
            ends.append(years + unit * residual * np.interp(years, self.knots, scales))
        return np.maximum(np.stack(ends, axis=-1), 0.0)

    def probability_at_least(
        self, age: ArrayLike, threshold: float, spread: ArrayLike = 1.0
    ) -> NDArray[np.float64]:
        """The share of the calibration's errors that would take such a face to `threshold`."""
        years, n = np.asarray(age, np.float64), len(self.residuals)
        away = (checked_threshold(threshold) - years) / checked_spread(spread, years)
        low = np.interp(years, self.knots, self.low_scales)
        high = np.interp(years, self.knots, self.high_scales)
        needed = away / np.where(away < 0, low, high)
        below = np.searchsorted(np.asarray(self.residuals), needed, side="left")
        share = np.where(np.isnan(years), np.nan, (n - below + 1) / (n + 2))
        return np.asarray(share, np.float64)


def read_calibration(text: str) -> Calibration | OlderCalibration:
    """What a model file's metadata say under :data:`facelage.infer.intervals.CALIBRATION_KEY`.

    Raises
    ------
    WeightsError
        If the text is no calibration's.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        if "knots" not in values:
            return Calibration.from_json(text)
        if "scales" in values:  # the oldest files have the same on both sides
            values["low_scales"] = values["high_scales"] = values.pop("scales")
        return OlderCalibration(**{key: tuple(map(float, row)) for key, row in values.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            "the model's calibration can't be read", got=f"{text[:80]!r} ({error})"
        ) from error
