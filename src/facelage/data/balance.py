"""Weights of faces against the skew of their ages: few data sets have as many old as young."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError, InvalidArrayError


def balance_weights(
    ages: ArrayLike, strength: float, *, bandwidth: float = 2.0, limit: float = 10.0
) -> NDArray[np.float64]:
    """Weights of faces by their ages, for a WeightedRandomSampler for example.

    Each age's weight is its density to the power of ``-strength``. The density
    is smoothed over neighbouring ages with a Gaussian, as in label
    distribution smoothing (Yang et al., ICML 2021), so that a rare year between
    frequent ones is not shown a hundred times.

    Parameters
    ----------
    ages:
        N ages in years.
    strength:
        0 (all weights equal) to 1 (every age about equally frequent, as far as
        `bandwidth` and `limit` allow).
    bandwidth:
        Standard deviation of the Gaussian, in years.
    limit:
        Largest weight, as a multiple of the mean weight.

    Returns
    -------
    numpy.ndarray
        N float64 with mean 1.

    Raises
    ------
    ConfigError
        If the strength is out of range.
    InvalidArrayError
        If there are no ages, or one is negative or not a number.
    """
    if not 0.0 <= strength <= 1.0:
        raise ConfigError("balance is out of range", got=str(strength), expected="0 to 1")
    years = np.asarray(ages, np.float64)
    if years.ndim != 1 or not len(years) or not (np.isfinite(years) & (years >= 0)).all():
        raise InvalidArrayError(
            "ages to balance must be a row of years",
            got=f"shape {years.shape}, {int((~(years >= 0)).sum())} without a number of 0 or more",
            expected="at least one, each 0 or more",
        )
    grid = np.arange(0, int(years.max()) + 2)
    counts = np.bincount(np.rint(years).astype(int), minlength=len(grid)).astype(np.float64)
    kernel = np.exp(-0.5 * ((grid[:, None] - grid[None, :]) / bandwidth) ** 2)
    # Dividing by the kernel's own mass keeps the ends of life from looking rare.
    density = kernel @ counts / kernel.sum(1)
    weights = np.interp(years, grid, density) ** -strength
    for _ in range(20):  # capping moves the mean, so a few rounds settle it
        weights = np.minimum(weights / weights.mean(), limit)
    return np.asarray(weights / weights.mean(), np.float64)
