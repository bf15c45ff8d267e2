from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.balance import balance_weights
from facelage.errors import ConfigError, InvalidArrayError

ages = st.lists(st.floats(0, 110), min_size=1, max_size=60)
strengths = st.floats(0, 1)


@given(ages, strengths)
def test_weights_are_positive_with_mean_one(years: list[float], strength: float) -> None:
    weights = balance_weights(years, strength)
    assert weights.shape == (len(years),)
    assert weights.min() > 0
    assert weights.mean() == pytest.approx(1, abs=1e-12)


@given(ages)
def test_strength_zero_changes_nothing(years: list[float]) -> None:
    assert np.array_equal(balance_weights(years, 0.0), np.ones(len(years)))


@given(ages, strengths, st.randoms())
def test_a_weight_belongs_to_the_age_and_not_to_the_row(
    years: list[float], strength: float, random: st.DataObject
) -> None:
    order = list(range(len(years)))
    random.shuffle(order)
    shuffled = balance_weights(np.asarray(years)[order], strength)
    assert np.allclose(shuffled, balance_weights(years, strength)[order], rtol=1e-12)


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_the_rarer_the_age_the_larger_the_weight(strength: float) -> None:
    years = np.repeat([10, 40, 70], [1000, 100, 300])
    common, rare, between = balance_weights(years, strength, limit=1e9)[[0, 1000, 1100]]
    assert common < between < rare
    # Far apart, the smoothing leaves densities in the ratio of the counts.
    assert rare / common == pytest.approx(10**strength, rel=1e-3)


def test_strength_one_makes_smooth_ages_equally_frequent() -> None:
    years = np.rint(np.random.default_rng(0).triangular(0, 20, 80, 50_000))
    weights = balance_weights(years, 1.0, limit=1e9)
    shares = np.bincount(years.astype(int), weights)[3:76]
    assert np.ptp(shares) / shares.mean() < 0.25
    plain = np.bincount(years.astype(int))[3:76]
    assert np.ptp(plain) / plain.mean() > 1.5


def test_no_weight_exceeds_the_limit() -> None:
    years = np.r_[np.full(5000, 30), 80, 100]
    weights = balance_weights(years, 1.0, limit=10)
    assert weights.max() == pytest.approx(10, rel=1e-6)
    assert balance_weights(years, 1.0, limit=1e9).max() > 100


def test_fractions_of_a_year_are_ages_too() -> None:
    weights = balance_weights([10.0, 10.25, 10.5, 60.0], 0.5)
    assert weights[3] > weights[1]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(ConfigError, match="balance is out of range"):
        balance_weights([10.0], strength)


@pytest.mark.parametrize(
    "years", [[], [float("nan"), 3.0], [-1.0], [float("inf")], [[1.0, 2.0]], 3.0]
)
def test_what_are_no_ages_is_refused(years: object) -> None:
    with pytest.raises(InvalidArrayError, match="row of years"):
        balance_weights(years, 0.5)  # type: ignore[arg-type]
