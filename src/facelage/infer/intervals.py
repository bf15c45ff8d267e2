"""How sure an age is: conformal intervals from the errors on faces set aside.

Split-conformal prediction (Vovk et al., 2005; Lei et al., JASA 113(523), 2018)
with errors measured in units of what is usual at the predicted age: if new
faces are like the calibration's, an interval of coverage 0.9 holds the true age
nine times in ten. It promises nothing for one person, for one group, or for
faces of another kind; what the intervals of shipped weights cover elsewhere is
in the model card.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError, InvalidArrayError, WeightsError

#: The key of a model file's metadata that holds the calibration.
CALIBRATION_KEY = "facelage.calibration"
#: Fewest faces that a calibration can be made from.
FEWEST = 100

_KNOTS = tuple(float(age) for age in range(0, 101, 4))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The errors that faces set aside had.

    Attributes
    ----------
    knots:
        Predicted ages in years, ascending.
    scales:
        The usual absolute error in years at each knot, linear in between and
        constant outside.
    residuals:
        (true - predicted age) / scale of the calibration faces, ascending.
    """

    knots: tuple[float, ...]
    scales: tuple[float, ...]
    residuals: tuple[float, ...]

    def __post_init__(self) -> None:
        good = (
            len(self.knots) == len(self.scales) > 0
            and len(self.residuals) > 0
            and all(map(math.isfinite, (*self.knots, *self.scales, *self.residuals)))
            and list(self.knots) == sorted(set(self.knots))
            and min(self.scales) > 0
            and list(self.residuals) == sorted(self.residuals)
        )
        if not good:
            raise WeightsError(
                "the calibration's numbers are out of range",
                expected="ascending knots, a positive scale for each, ascending residuals",
            )

    @classmethod
    def fit(cls, true: ArrayLike, predicted: ArrayLike, *, bandwidth: float = 5.0) -> Calibration:
        """A calibration from faces that the model was not trained on.

        Parameters
        ----------
        true, predicted:
            N ages each, in years.
        bandwidth:
            Standard deviation in years of the Gaussian that smooths the usual
            error over predicted ages.

        Raises
        ------
        InvalidArrayError
            If there are fewer than 100 faces, or an age is not a number.

        Notes
        -----
        Every second face (by predicted age) sets the scales and the others the
        residuals, since the guarantee needs residuals that the scales did not see.
        """
        a, b = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
        if a.ndim != 1 or a.shape != b.shape or len(a) < FEWEST or not np.isfinite(a + b).all():
            raise InvalidArrayError(
                "these ages can't calibrate a model",
                got=f"shapes {a.shape} and {b.shape}"
                + ("" if np.isfinite(a).all() and np.isfinite(b).all() else ", some not a number"),
                expected=f"two equal rows of at least {FEWEST} ages",
            )
        order = np.lexsort((a, b))
        shaping, ranking = order[::2], order[1::2]
        knots = np.asarray(_KNOTS)
        distance = (knots[:, None] - b[shaping][None, :]) / bandwidth
        # The nearest faces count at least a little, so that no knot is left without any.
        nearest = np.abs(distance).min(1, keepdims=True)
        kernel = np.exp(-0.5 * (distance**2 - nearest**2))
        usual = kernel @ np.abs(a - b)[shaping] / kernel.sum(1)
        scales = np.maximum(usual, 0.25)
        residuals = np.sort((a - b)[ranking] / np.interp(b[ranking], knots, scales))
        return cls(
            _KNOTS,
            tuple(float(round(value, 4)) for value in scales),
            tuple(float(round(value, 4)) for value in residuals),
        )

    def interval(self, age: ArrayLike, coverage: float = 0.9) -> NDArray[np.float64]:
        """The low and high end for predicted ages.

        Parameters
        ----------
        age:
            Predicted ages in years, of any shape.
        coverage:
            Share of true ages inside, above 0 and below 1.

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
                expected=f"at most {1 - 2 / (n + 1):.4f} with {n} calibration faces",
            )
        scale = np.interp(years, self.knots, self.scales)
        low, high = self.residuals[rank - 1], self.residuals[n - rank]
        return np.maximum(np.stack([years + low * scale, years + high * scale], axis=-1), 0.0)

    def probability_at_least(self, age: ArrayLike, threshold: float) -> NDArray[np.float64]:
        """The probability that people predicted to be `age` are `threshold` years or older.

        It is the share of the calibration faces whose errors, at the scale of
        this age, would take it there, one such and one contrary face added so
        that nothing is certain.
        """
        years, n = np.asarray(age, np.float64), len(self.residuals)
        scale = np.interp(years, self.knots, self.scales)
        needed = (threshold - years) / scale
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
            return cls(**{key: tuple(map(float, row)) for key, row in values.items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise WeightsError(
                "the model's calibration can't be read", got=f"{text[:80]!r} ({error})"
            ) from error
