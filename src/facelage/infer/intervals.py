"""How sure an age is: conformal intervals from the errors on faces set aside.

Split-conformal prediction (Vovk et al., 2005; Lei et al., JASA 113(523), 2018)
with errors measured in units of what is usual at the predicted age, and for such a
face where the model has a spread for it (:mod:`facelage.infer.spread`), and with each
half of the faces serving twice (cross-conformal prediction: Vovk, Annals of Mathematics
and Artificial Intelligence 74, 2015): if new faces are like the calibration's, an
interval of coverage 0.9 holds the true age about nine times in ten. It promises
nothing for one person, for one group, or for faces of another kind; what the intervals
of shipped weights cover elsewhere is in the model card.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.data.balance import balance_weights
from facelage.errors import ConfigError, InvalidArrayError, WeightsError

#: The key of a model file's metadata that holds the calibration.
CALIBRATION_KEY = "facelage.calibration"
#: Fewest faces that a calibration can be made from.
FEWEST = 100

_KNOTS = tuple(float(age) for age in range(0, 101, 4))
#: Years that no mean error falls below, for ages at which hardly anybody is off to one side.
_NARROWEST = 0.25
#: Fewest people of a decade that gain or lose weight together, and how fast.
_DECADE, _RATE = 20, 1.5
#: About the largest share of one face in a scale, and steps to it: without, one wrong label of a
#: rare age can rule all who look about as old. Where few look so, a face keeps more.
_LARGEST, _STEPS = 0.05, 5


@dataclass(frozen=True, slots=True)
class Calibration:
    """The errors that faces set aside had.

    Attributes
    ----------
    knots:
        Predicted ages in years, ascending.
    low_scales, high_scales:
        How many years away from the predicted age each end lies at each knot for
        a residual of 1; linear in between and constant outside. Those of :meth:`fit` are
        about the ends of a 90 % interval, files of before 1.5.1 have usual errors.
    residuals:
        (true - predicted age) of the calibration faces, over their spread, and over a
        low scale where it is negative and a high one elsewhere, ascending; in :meth:`fit`
        the scales of the faces that they were not made from.
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

    @classmethod
    def fit(
        cls,
        true: ArrayLike,
        predicted: ArrayLike,
        spread: ArrayLike = 1.0,
        *,
        bandwidth: float = 5.0,
        balance: float = 1.0,
        even: int = 10,
    ) -> Calibration:
        """A calibration from faces that the model was not trained on.

        Parameters
        ----------
        true, predicted:
            N ages each, in years.
        spread:
            How far off each face is expected to be, over what is usual at its age: N
            numbers above 0 that did not see the face's own error, or one for all.
        bandwidth:
            Standard deviation in years of the Gaussian that smooths the usual
            errors over predicted ages.
        balance:
            How strongly rare ages count in the scales, as the strength of
            :func:`facelage.data.balance.balance_weights`. A person of a rare age who
            is taken for one of a frequent age (a teenager for a young adult) is
            an exception among those who look so; with more balance the intervals
            reach further to the side where such people are. What they cover of
            all faces stays as promised; their width grows, and
            :meth:`probability_at_least` becomes more cautious than frequencies
            are.
        even:
            Rounds in which decades of true ages whose people would be outside too often
            gain weight in the scales, and those who are inside too often lose it.

        Raises
        ------
        InvalidArrayError
            If there are fewer than 100 faces, an age is not a number, or a spread not
            above 0.

        Notes
        -----
        Every second face (by predicted age) sets the scales and the others the
        residuals, which must come from faces that the scales did not see; then the
        other way round, since the scales of one half differ much from the other's
        where people are few. Each half's scales are brought to the unit of the
        residuals measured in them, and their mean is kept with the residuals of both.
        A face counts for about a twentieth of a scale at most, for more where few look as
        old, since an old person who looks young may be a wrong label.
        With one half alone what is promised would hold whatever the scales are; with
        the mean it is no theorem, but what the tests see on new faces.
        """
        a, b = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
        if a.ndim != 1 or a.shape != b.shape or len(a) < FEWEST or not np.isfinite(a + b).all():
            raise InvalidArrayError(
                "these ages can't calibrate a model",
                got=f"shapes {a.shape} and {b.shape}"
                + ("" if np.isfinite(a).all() and np.isfinite(b).all() else ", some not a number"),
                expected=f"two equal rows of at least {FEWEST} ages",
            )
        unit = _spread(spread, b)
        errors, order = (a - b) / unit, np.lexsort((a, b))
        lows, highs, residuals = [], [], []
        for shaping, ranking in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            kernel = _kernel(a[shaping], b[shaping], bandwidth, balance)
            decades = np.clip(a[shaping] // 10, 0, 9).astype(int)
            low, high = _scales(kernel, errors[shaping])
            for _ in range(even):
                scaled = _scaled(errors[shaping], b[shaping], _KNOTS, low, high)
                kernel *= _more_for_missed(scaled, decades)[decades]
                low, high = _scales(kernel, errors[shaping])
            scaled = _scaled(errors[ranking], b[ranking], _KNOTS, low, high)
            down, up = _end(-scaled), _end(scaled)
            lows.append(low * down)
            highs.append(high * up)
            residuals.append(np.where(scaled < 0, scaled / down, scaled / up))
        low, high = np.mean(lows, axis=0), np.mean(highs, axis=0)
        return cls(_KNOTS, _row(low), _row(high), _row(np.sort(np.concatenate(residuals))))

    def interval(
        self, age: ArrayLike, coverage: float = 0.9, spread: ArrayLike = 1.0
    ) -> NDArray[np.float64]:
        """The low and high end for predicted ages.

        Parameters
        ----------
        age:
            Predicted ages in years, of any shape.
        coverage:
            Share of true ages inside, above 0 and below 1.
        spread:
            As for :meth:`fit`, of the same shape as the ages, or one for all.

        Returns
        -------
        numpy.ndarray
            (..., 2), float64, years, never below 0. As many faces are expected
            below the low end as above the high one.

        Raises
        ------
        ConfigError
            If the coverage is out of range, or too near 1 for the number of
            calibration faces.
        InvalidArrayError
            If a spread is not above 0.
        """
        years, n = np.asarray(age, np.float64), len(self.residuals)
        if not 0 < coverage < 1:
            raise ConfigError("coverage is out of range", got=str(coverage), expected="0 to 1")
        # The finite-sample ranks: the (n + 1) in place of n pays for the new face.
        rank = math.floor((n + 1) * (1 - coverage) / 2 + 1e-9)
        if rank < 1:
            raise ConfigError(
                "the coverage is too near 1",
                got=str(coverage),
                expected=f"at most {math.floor((1 - 2 / (n + 1)) * 1e4) / 1e4} with {n} "
                "calibration faces",
            )
        unit = _spread(spread, years)
        ends = []
        for residual in (self.residuals[rank - 1], self.residuals[n - rank]):
            scales = self.low_scales if residual < 0 else self.high_scales
            ends.append(years + unit * residual * np.interp(years, self.knots, scales))
        return np.maximum(np.stack(ends, axis=-1), 0.0)

    def probability_at_least(
        self, age: ArrayLike, threshold: float, spread: ArrayLike = 1.0
    ) -> NDArray[np.float64]:
        """The probability that people predicted to be `age` are `threshold` years or older.

        It is the share of the calibration faces whose errors, at the scale of
        this age, would take it there, one such and one contrary face added so
        that nothing is certain.

        Parameters
        ----------
        age, spread:
            As for :meth:`interval`.
        threshold:
            Years.

        Returns
        -------
        numpy.ndarray
            Of the ages' shape, float64, above 0 and below 1; 1 for a threshold of 0
            or less, as nobody is younger.

        Raises
        ------
        InvalidArrayError
            If a spread is not above 0.
        """
        years, n = np.asarray(age, np.float64), len(self.residuals)
        unit = _spread(spread, years)
        if threshold <= 0:
            return np.ones_like(years)
        away = (threshold - years) / unit
        needed = _scaled(away, years, self.knots, self.low_scales, self.high_scales)
        below = np.searchsorted(np.asarray(self.residuals), needed, side="left")
        return np.asarray((n - below + 1) / (n + 2), np.float64)

    def to_json(self) -> str:
        """The calibration as JSON: what model files carry."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read back :meth:`to_json`.

        Raises
        ------
        WeightsError
            If the text is no calibration's.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if "scales" in values:  # older files have the same on both sides
                values["low_scales"] = values["high_scales"] = values.pop("scales")
            return cls(**{key: tuple(map(float, row)) for key, row in values.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise WeightsError(
                "the model's calibration can't be read", got=f"{text[:80]!r} ({error})"
            ) from error


def _kernel(
    true: NDArray[np.float64], predicted: NDArray[np.float64], bandwidth: float, balance: float
) -> NDArray[np.float64]:
    """How much each of N faces counts at each knot, knots x N."""
    distance = (np.asarray(_KNOTS)[:, None] - predicted[None, :]) / bandwidth
    # The nearest faces count at least a little, so that no knot is left without any.
    nearest = np.abs(distance).min(1, keepdims=True)
    kernel = np.exp(-0.5 * (distance**2 - nearest**2))
    return np.asarray(kernel * balance_weights(np.maximum(true, 0), balance), np.float64)


def _end(scaled: NDArray[np.float64]) -> float:
    """How many scales away one end of a 90 % interval is; 1 where hardly anybody is beyond 0."""
    end = float(np.quantile(scaled, 0.95))
    return end if end > 0 else 1.0


def _scales(
    kernel: NDArray[np.float64], errors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean errors to the younger and to the older side at each knot, by weight."""
    share = kernel / kernel.sum(1, keepdims=True)
    for _ in range(_STEPS):
        share = np.minimum(share, _LARGEST)
        share /= share.sum(1, keepdims=True)
    low, high = (np.maximum(share @ np.maximum(side, 0), _NARROWEST) for side in (-errors, errors))
    return low, high


def _more_for_missed(
    scaled: NDArray[np.float64], decades: NDArray[np.int64]
) -> NDArray[np.float64]:
    """A factor for each decade: above 1 where a 90 % interval would miss more than a tenth."""
    low, high = np.quantile(scaled, (0.05, 0.95))
    inside = (scaled >= low) & (scaled <= high)
    count = np.bincount(decades, minlength=10)
    share = np.bincount(decades, inside, minlength=10) / np.maximum(count, 1)
    # A handful of people must not rule the rest.
    missing = np.where(count >= _DECADE, np.clip(0.9 - share, -0.2, 0.2), 0.0)
    return np.asarray(np.exp(_RATE * missing), np.float64)


def _spread(spread: ArrayLike, years: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spreads for ages, checked; a NaN age may have a NaN spread."""
    found = np.asarray(spread, np.float64)
    fits = found.shape in ((), years.shape)
    if not fits or not ((found > 0) & np.isfinite(found) | np.isnan(years)).all():
        raise InvalidArrayError(
            "these are not the spreads of faces",
            got=f"shape {found.shape} for ages of {years.shape}" if not fits else str(found.min()),
            expected="one for all, or one a face, finite and above 0",
        )
    return found


def _scaled(
    error: NDArray[np.float64],
    years: NDArray[np.float64],
    knots: Sequence[float] | NDArray[np.float64],
    low: Sequence[float] | NDArray[np.float64],
    high: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """Errors (true - predicted age) in units of what is usual to their side."""
    below, above = np.interp(years, knots, low), np.interp(years, knots, high)
    return np.asarray(error / np.where(error < 0, below, above), np.float64)


def _row(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(round(value, 4)) for value in values)
