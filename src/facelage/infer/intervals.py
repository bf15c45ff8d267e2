"""How sure an age is: conformal intervals from the errors on faces set aside.

What the errors of people of each age are like is learned from calibration faces, as
quantiles by true age. Where a face's error would be among those of people of an age
is its score for that age, and an age is inside the interval unless the
score is further out than those of the calibration faces nearly always are
(distributional conformal prediction: Chernozhukov, Wuethrich and Zhu, PNAS 118(48), 2021, here
given the age instead of the picture). So an interval of coverage 0.9 holds the true age
of about nine in ten people of every age up to 100, the rare ones too, if new faces are like
the calibration's; of all together the ranks pay for the finite number of faces. Coverage
given the label was asked for by Vovk (Conditional validity of inductive conformal
predictors, Machine Learning 92, 2013).

Errors are in units of what is usual for such a face where the model has a spread for it
(:mod:`facelage.infer.spread`). An interval promises nothing for one person, for people of one
*predicted* age, for other groups, or for faces of another kind; what those
of shipped weights cover is in the model card.
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
from facelage.infer.error_quantiles import (
    KNOTS,
    SCORES,
    at_score,
    between,
    error_quantiles,
    scored,
)

#: The key of a model file's metadata that holds the calibration.
CALIBRATION_KEY = "facelage.calibration"
#: Fewest faces that a calibration can be made from.
FEWEST = 100

#: Years that no high end exceeds, unless the predicted age does: people of more are so
#: few that intervals would reach far where nobody is.
_OLDEST = 100.0
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """The errors that faces set aside had.

    Attributes
    ----------
    ages:
        K true ages in years, ascending.
    scores:
        L scores, ascending, below and above 0; one is 0.
    errors:
        K rows of L: the error (predicted - true age, over the spread, in years) that has
        each score at each age, ascending; linear in between ages and scores, constant
        outside the ages, and outside the scores on the line from that of score 0 to the last.
    residuals:
        The scores of the calibration faces at their true ages, ascending; in :meth:`fit` by
        errors that each had no part in.
    """

    ages: tuple[float, ...]
    scores: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]
    residuals: tuple[float, ...]

    def __post_init__(self) -> None:
        rows = (self.ages, self.scores, *self.errors)
        good = (
            len(self.errors) == len(self.ages) > 0
            and all(len(row) == len(self.scores) for row in self.errors)
            and 0.0 in self.scores[1:-1]
            and all(all(map(math.isfinite, row)) for row in (*rows, self.residuals))
            and all(list(row) == sorted(set(row)) for row in rows)
            and len(self.residuals) > 0
            and list(self.residuals) == sorted(self.residuals)
        )
        if not good:
            raise WeightsError(
                "the calibration's numbers are out of range",
                expected="ascending ages, scores about 0, a row of ascending errors for "
                "each age, ascending residuals",
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
            finite numbers above 0 that did not see the face's own error, or one for all.

        Raises
        ------
        InvalidArrayError
            If there are fewer than 100 faces, an age is not a number, or a spread is not
            as above.

        Notes
        -----
        Nine tenths of the faces tell the errors by which the tenth is scored, and all of them
        the errors that are kept. That is as good as ten times as many
        faces, but no theorem covers it; what holds is what the tests see on new faces.
        """
        a, b = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
        if a.ndim != 1 or a.shape != b.shape or len(a) < FEWEST or not np.isfinite(a + b).all():
            raise InvalidArrayError(
                "these ages can't calibrate a model",
                got=f"shapes {a.shape} and {b.shape}"
                + ("" if np.isfinite(a).all() and np.isfinite(b).all() else ", some not a number"),
                expected=f"two equal rows of at least {FEWEST} ages",
            )
        errors = (b - a) / checked_spread(spread, b)
        # Whatever the order of the faces was, every tenth has all ages, and of an age all errors.
        tenth = np.empty(len(a), np.int64)
        tenth[np.lexsort((errors, a))] = np.arange(len(a)) % _FOLDS
        residuals = np.empty(len(a))
        for own in range(_FOLDS):
            inside, others = tenth == own, tenth != own
            at = between(KNOTS, error_quantiles(a[others], errors[others]), a[inside])
            residuals[inside] = scored(errors[inside], at, SCORES)
        kept = tuple(_row(row) for row in error_quantiles(a, errors))
        return cls(_row(KNOTS), SCORES, kept, _row(np.sort(residuals)))

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
            (..., 2), float64, years, never below 0, nor above 100 unless the age is; NaN
            for an age that is NaN. But for these limits as many faces are
            expected below the low end as above the high one.

        Raises
        ------
        ConfigError
            If the coverage is out of range, or too near 1 for the number of
            calibration faces.
        InvalidArrayError
            If a spread is not a finite number above 0, or there is not one for each age.
        """
        years, unit = _columns(age, spread)
        ages, errors = np.asarray(self.ages), np.asarray(self.errors)
        least, most = residual_ends(self.residuals, coverage)
        # Of those of the low end's age just enough are called as old as this face,
        low = _first_reaching(ages, unit * at_score(errors, self.scores, most), years)
        # and of those of the high end's age as young.
        younger = unit * at_score(errors, self.scores, least)
        high = -_first_reaching(-ages[::-1], -younger[:, ::-1], -years)
        highest = np.maximum(years, _OLDEST)
        ends = np.clip(np.stack([low, high], axis=-1), 0.0, highest)
        return ends.reshape(*np.shape(age), 2)

    def probability_at_least(
        self, age: ArrayLike, threshold: float, spread: ArrayLike = 1.0
    ) -> NDArray[np.float64]:
        """How sure it is that people predicted to be `age` are `threshold` years or older.

        It is the share of people of exactly that age who are called younger than this face, or
        of an age below it where that share is smaller. So of people who are just
        `threshold`, about one in twenty is given 0.95 or more, and of younger ones no more,
        however many of them are asked about. It is no share of the people who are
        given a number: among those with 0.95 the part who are too young depends on who is asked
        about, and is large where most are just below the threshold. A low
        number does not say that somebody is younger.

        Parameters
        ----------
        age:
            Predicted ages in years, of any shape.
        threshold:
            Years.
        spread:
            As for :meth:`fit`, of the same shape as the ages, or one for all.

        Returns
        -------
        numpy.ndarray
            Of the ages' shape, float64, from 0 to below 1; NaN for an age that is NaN.

        Raises
        ------
        ConfigError
            If the threshold is not a finite number.
        InvalidArrayError
            If a spread is not a finite number above 0, or there is not one for each age.
        """
        years, unit = _columns(age, spread)
        limit = checked_threshold(threshold)
        known = np.asarray(self.ages)
        # What is true of an age is true of those between it and the next, since quantiles are
        # linear there: the smallest share is at one of these.
        ages = np.append(known[known < limit], limit)
        rows = between(known, np.asarray(self.errors), ages)
        off = (years - ages) / unit
        scores = scored(off.ravel(), np.tile(rows, (len(years), 1)), self.scores)
        least = scores.reshape(off.shape).min(1)
        # In n + 1 faces, this one among them, so that the share of those above is not too small.
        younger = np.searchsorted(np.asarray(self.residuals), least, side="left")
        share = np.where(np.isnan(least), np.nan, younger / (len(self.residuals) + 1))
        return np.asarray(share.reshape(np.shape(age)), np.float64)

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
            errors = tuple(tuple(map(float, row)) for row in values.pop("errors"))
            rows = {key: tuple(map(float, row)) for key, row in values.items()}
            return cls(errors=errors, **rows)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise WeightsError(
                "the model's calibration can't be read", got=f"{text[:80]!r} ({error})"
            ) from error


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
            expected=f"at most {math.floor((1 - 2 / (n + 1)) * 1e4) / 1e4} with {n} calibration "
            "faces",
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


def checked_threshold(threshold: float) -> float:
    """A threshold in years, if it is one finite number.

    Raises
    ------
    ConfigError
        If not.
    """
    try:
        years = float(threshold)
    except (TypeError, ValueError):
        years = math.nan
    if not math.isfinite(years):
        raise ConfigError("the threshold is no age", got=repr(threshold), expected="years, as 18")
    return years


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


def _columns(age: ArrayLike, spread: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ages and their spreads as columns, N x 1."""
    years = np.asarray(age, np.float64)
    unit = np.broadcast_to(checked_spread(spread, years), years.shape)
    return years.reshape(-1, 1), unit.reshape(-1, 1)


def _row(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(round(value, 4)) for value in values)
