"""How much a model with fewer bits loses, measured on real faces with known ages."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelage.errors import ExportError
from facelage.infer.session import AgeSession

#: Years by which the MAE may grow.
LIMIT_YEARS = 0.05
#: Faces whose age moves by at most this, in years, have kept their age.
NEAR_YEARS = 1.5


@dataclass(frozen=True, slots=True)
class Growth:
    """MAEs (years) of a model before and after, over n faces, and the share whose age was kept."""

    n: int
    before: float
    after: float
    near: float

    @property
    def years(self) -> float:
        """By how much the MAE grew; negative where it shrank."""
        return self.after - self.before


def session_ages(session: AgeSession, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A session's ages (N, years) of crops (N x size x size x 3, RGB, uint8), in batches."""
    parts = [session.ages(crops[start : start + 64]) for start in range(0, len(crops), 64)]
    return np.concatenate([np.empty(0), *parts])


def check_growth(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    crops: NDArray[np.uint8],
    ages: NDArray[np.float64],
    *,
    limit: float = LIMIT_YEARS,
) -> Growth:
    """Compare the errors of a model file and of the file made from it.

    Parameters
    ----------
    before, after:
        ONNX files of ``facelage export``.
    crops:
        Real faces that the model was not trained on, N x size x size x 3, RGB, uint8.
    ages:
        Their true ages in years, N.
    limit:
        Largest growth of the MAE accepted, in years.

    Raises
    ------
    ExportError
        If the MAE grows by more, or there is nothing to compare.
    """
    if not len(crops):
        raise ExportError("no faces to compare the models on", got="0", expected="at least 1")
    old = session_ages(AgeSession(before), crops)
    new = session_ages(AgeSession(after), crops)
    near = float((np.abs(new - old) <= NEAR_YEARS).mean())
    mae_before, mae_after = float(np.abs(old - ages).mean()), float(np.abs(new - ages).mean())
    growth = Growth(len(crops), mae_before, mae_after, near)
    if not growth.years <= limit:
        raise ExportError(
            "the smaller model is off by too much more",
            got=f"MAE {mae_after:.3f} years after {mae_before:.3f} on {growth.n} faces",
            expected=f"at most {limit:g} more",
            fix="quantise on more faces, and on faces like those of the check",
        )
    return growth
