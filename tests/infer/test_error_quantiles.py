from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.infer.error_quantiles import (
    KNOTS,
    SCORES,
    at_score,
    between,
    error_quantiles,
    scored,
)

ascending = st.lists(st.floats(0.05, 5), min_size=9, max_size=9).map(
    lambda steps: np.cumsum(steps) - sum(steps[:5])
)


@given(row=ascending, score=st.floats(-6, 6))
def test_the_error_with_a_score_has_that_score(row: np.ndarray, score: float) -> None:
    error = at_score(row[None], SCORES, score)
    assert scored(error, row[None], SCORES)[0] == pytest.approx(score, abs=1e-9)


@given(row=ascending, errors=st.tuples(st.floats(-60, 60), st.floats(-60, 60)))
def test_a_larger_error_has_a_higher_score(row: np.ndarray, errors: tuple[float, float]) -> None:
    low, high = scored(np.sort(errors), np.stack([row, row]), SCORES)
    assert low <= high


@given(first=ascending, second=ascending, score=st.floats(-4, 4), part=st.floats(0, 1))
def test_between_two_ages_an_error_of_a_score_moves_evenly(
    first: np.ndarray, second: np.ndarray, score: float, part: float
) -> None:
    rows, ages = np.stack([first, second]), np.array([20.0, 30.0])
    at = between(ages, rows, np.array([20 + 10 * part]))
    ends = at_score(rows, SCORES, score)
    assert at_score(at, SCORES, score)[0] == pytest.approx(ends[0] + part * (ends[1] - ends[0]))


def test_quantiles_are_those_of_people_about_as_old() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 80, 40_000)
    errors = rng.normal(true / 10, 1 + true / 20)
    rows = error_quantiles(true, errors)
    expected = KNOTS[:, None] / 10 + (1 + KNOTS[:, None] / 20) * np.asarray(SCORES)
    # From 80 years on those who are a little younger tell.
    assert rows[:75] == pytest.approx(expected[:75], abs=0.8)


@given(seed=st.integers(0, 50), digits=st.integers(0, 2))
def test_rows_ascend_also_where_errors_are_alike(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 80, 90)
    rows = error_quantiles(true, np.round(rng.normal(0, 1, 90), digits))
    assert (np.diff(rows, axis=1) >= 0.05 - 1e-9).all()
