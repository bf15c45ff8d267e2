"""How sure an age is: conformal intervals from the errors on faces set aside.

Label-conditional conformal prediction (Vovk, Asian Conference on Machine Learning, 2012) with
tenfold cross-conformal errors (Vovk, Annals of Mathematics and Artificial Intelligence 74,
2015): a true age is inside a face's interval unless too few people of that age are called
as old, or as young, as the face. So an interval of coverage 0.9 holds the true age of about
nine in ten people of every age, the rare ones too, if new faces are like the calibration's.
Errors are measured in units of what is usual at the true age, and for such a face where the
model has a spread for it (:mod:`facelage.infer.spread`). It promises nothing for one person,
for another kind of group than ages, or for faces of another kind; what the intervals of
shipped weights cover elsewhere is in the model card.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError, InvalidArrayError, WeightsError

#: The key of a model file's metadata that holds the calibration.
CALIBRATION_KEY = "facelage.calibration"
#: Fewest faces that a calibration can be made from.
FEWEST = 100

#: Beyond 80 years few people are left to tell the ends of one age from those of another.
_KNOTS = np.arange(0.0, 81.0, 2.0)
#: Years that no high end exceeds, unless the predicted age does.
_OLDEST = 100.0
#: The ends of the errors at an age are those of people about as old: with weights by a Gaussian
#: whose standard deviation is a tenth of the age, within these years, and wider where fewer
#: than so many are within one and a half of it.
_SHARE, _LEAST, _MOST, _NEAREST = 0.1, 1.0, 3.0, 50
#: Share of people beyond each end that the scales are about.
_TAIL = 0.05
#: Years that no end falls below, for ages at which hardly anybody is off to one side.
_NARROWEST = 0.25
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """The errors that faces set aside had.

    Attributes
    ----------
    ages:
        True ages in years, ascending.
    younger_scales, older_scales:
        How many years younger, and older, than they are people of each of these ages are
        called for a residual of 1, about one in twenty by more; linear in between and
        constant outside.
    residuals:
        (predicted - true age) of the calibration faces, over their spread, and over the
        younger scale of their true age where it is negative and the older one elsewhere,
        ascending; in :meth:`fit` each in scales that it had no part in.
    """

    ages: tuple[float, ...]
    younger_scales: tuple[float, ...]
    older_scales: tuple[float, ...]
    residuals: tuple[float, ...]

    def __post_init__(self) -> None:
        scales = (*self.younger_scales, *self.older_scales)
        good = (
            len(self.ages) == len(self.younger_scales) == len(self.older_scales) > 0
            and len(self.residuals) > 0
            and all(map(math.isfinite, (*self.ages, *scales, *self.residuals)))
            and list(self.ages) == sorted(set(self.ages))
            and min(scales) > 0
            and list(self.residuals) == sorted(self.residuals)
        )
        if not good:
            raise WeightsError(
                "the calibration's numbers are out of range",
                expected="ascending ages, two positive scales for each, ascending residuals",
            )

    @classmethod
    def fit(cls, true: ArrayLike, predicted: ArrayLike, spread: ArrayLike = 1.0) -> Calibration:
        """A calibration from faces that the model was not trained on.

        Parameters
        ----------
        true, predicted:
            N ages each, in years.
        spread:
            How far off each face is expected to be, over what is usual at its age: N
            numbers above 0 that did not see the face's own error, or one for all.

        Raises
        ------
        InvalidArrayError
            If there are fewer than 100 faces, an age is not a number, or a spread not
            above 0.

        Notes
        -----
        Where an age has few people, the ends are those of people of about that age. The
        promise is a theorem for scales that the faces had no part in; here nine tenths of
        the faces set them for the residuals of the tenth, and all of them those that are
        kept, so that what holds is what the tests see on new faces.
        """
        a, b = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
        if a.ndim != 1 or a.shape != b.shape or len(a) < FEWEST or not np.isfinite(a + b).all():
            raise InvalidArrayError(
                "these ages can't calibrate a model",
                got=f"shapes {a.shape} and {b.shape}"
                + ("" if np.isfinite(a).all() and np.isfinite(b).all() else ", some not a number"),
                expected=f"two equal rows of at least {FEWEST} ages",
            )
        unit = checked_spread(spread, b)
        errors = (b - a) / unit
        # By age, so that every tenth of the faces has all ages, whatever their order was.
        tenth = np.empty(len(a), np.int64)
        tenth[np.lexsort((errors, a))] = np.arange(len(a)) % _FOLDS
        residuals = np.empty(len(a))
        for own in range(_FOLDS):
            inside, others = tenth == own, tenth != own
            scales = _scales(a[others], errors[others])
            residuals[inside] = scaled(errors[inside], a[inside], _KNOTS, *scales)
        younger, older = _scales(a, errors)
        return cls(_row(_KNOTS), _row(younger), _row(older), _row(np.sort(residuals)))

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
            (..., 2), float64, years, never below 0, nor above 100 unless the age is.
            As many faces are expected below the low end as above the high one.

        Raises
        ------
        ConfigError
            If the coverage is out of range, or too near 1 for the number of
            calibration faces.
        InvalidArrayError
            If a spread is not above 0.
        """
        years, unit = _rows(age, spread)
        ages = np.asarray(self.ages)
        least, most = residual_ends(self.residuals, coverage)
        # Those of the low end's age are just called as old as this face often enough,
        low = _first_reaching(ages, unit * most * self._sided(most), years)
        # and those of the high end's age as young.
        high = -_first_reaching(-ages[::-1], (-unit * least * self._sided(least))[:, ::-1], -years)
        high = np.maximum(np.minimum(high, np.maximum(years[:, 0], _OLDEST)), low)
        ends = np.maximum(np.stack([low, high], axis=-1), 0.0)
        return ends.reshape(*np.shape(age), 2)

    def probability_at_least(
        self, age: ArrayLike, threshold: float, spread: ArrayLike = 1.0
    ) -> NDArray[np.float64]:
        """How sure it is that people predicted to be `age` are `threshold` years or older.

        It is the share of people of exactly that age who are called younger than this (the
        smallest such share of any age up to it), one such and one contrary face added so that
        nothing is certain. So of those who have just reached `threshold`, and of those below
        it, one in twenty at most is given 0.95 or more, however rare they are among the faces
        asked about. Where most people are older than `threshold`, more of those who
        are given 0.95 are.
        """
        years, unit = _rows(age, spread)
        ages = np.append([knot for knot in self.ages if knot < threshold], threshold)
        below, above = (
            np.interp(ages, self.ages, scales)
            for scales in (self.younger_scales, self.older_scales)
        )
        away = (years - ages) / unit
        least = (away / np.where(away < 0, below, above)).min(1).reshape(np.shape(age))
        n = len(self.residuals)
        younger = np.searchsorted(np.asarray(self.residuals), least, side="left")
        return np.asarray((younger + 1) / (n + 2), np.float64)

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
            return cls(**{key: tuple(map(float, row)) for key, row in values.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise WeightsError(
                "the model's calibration can't be read", got=f"{text[:80]!r} ({error})"
            ) from error

    def _sided(self, residual: float) -> NDArray[np.float64]:
        return np.asarray(self.younger_scales if residual < 0 else self.older_scales)


def residual_ends(residuals: Sequence[float], coverage: float) -> tuple[float, float]:
    """The ascending residuals between which `coverage` (0..1) of new ones are expected.

    Raises
    ------
    ConfigError
        If the coverage is out of range, or too near 1 for their number.
    """
    if not 0 < coverage < 1:
        raise ConfigError("coverage is out of range", got=str(coverage), expected="0 to 1")
    n = len(residuals)
    # The finite-sample ranks: the (n + 1) in place of n pays for the new face.
    rank = math.floor((n + 1) * (1 - coverage) / 2 + 1e-9)
    if rank < 1:
        raise ConfigError(
            "the coverage is too near 1",
            got=str(coverage),
            expected=f"at most {1 - 2 / (n + 1):.4f} with {n} calibration faces",
        )
    return residuals[rank - 1], residuals[n - rank]


def checked_spread(spread: ArrayLike, years: NDArray[np.float64]) -> NDArray[np.float64]:
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


def scaled(
    error: NDArray[np.float64],
    years: NDArray[np.float64],
    knots: Sequence[float] | NDArray[np.float64],
    low: Sequence[float] | NDArray[np.float64],
    high: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float64]:
    """Errors at `years` in units of the scales for negative (low) and other ones (high)."""
    below, above = np.interp(years, knots, low), np.interp(years, knots, high)
    return np.asarray(error / np.where(error < 0, below, above), np.float64)


def _scales(
    true: NDArray[np.float64], errors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far people of each knot's age are called too young and too old, one in twenty more."""
    distance = np.abs(_KNOTS[:, None] - true[None, :])
    reach = np.sort(distance, axis=1)[:, min(_NEAREST, len(true)) - 1] / 1.5
    width = np.maximum(np.clip(_SHARE * _KNOTS, _LEAST, _MOST), reach)
    order = np.argsort(errors)
    weights = np.exp(-0.5 * (distance[:, order] / width[:, None]) ** 2)
    place = (np.cumsum(weights, axis=1) - weights / 2) / weights.sum(1, keepdims=True)
    ends = np.array([np.interp((_TAIL, 1 - _TAIL), row, errors[order]) for row in place])
    return np.maximum(-ends[:, 0], _NARROWEST), np.maximum(ends[:, 1], _NARROWEST)


def _first_reaching(
    ages: NDArray[np.float64], offsets: NDArray[np.float64], years: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each of N x 1 `years` the lowest age that with its offset (N x ages) comes to them."""
    called = ages + offsets
    reached = called >= years
    upper = np.where(reached.any(1), reached.argmax(1), len(ages))
    # Outside the ages offsets are constant.
    outside = np.clip(upper, 0, len(ages) - 1)[:, None]
    found = (years - np.take_along_axis(offsets, outside, 1))[:, 0]
    between = (upper > 0) & (upper < len(ages))
    rows, high = np.flatnonzero(between), upper[between]
    below, above = called[rows, high - 1], called[rows, high]
    part = (years[rows, 0] - below) / (above - below)
    found[rows] = ages[high - 1] + part * (ages[high] - ages[high - 1])
    return np.asarray(found, np.float64)


def _rows(age: ArrayLike, spread: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ages and their spreads as columns, N x 1."""
    years = np.asarray(age, np.float64)
    unit = np.broadcast_to(checked_spread(spread, years), years.shape)
    return years.reshape(-1, 1), unit.reshape(-1, 1)


def _row(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(round(value, 4)) for value in values)
