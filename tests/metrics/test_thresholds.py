from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError, InvalidArrayError
from facelage.metrics import threshold_errors

ages = st.floats(0, 60)
pairs = st.lists(st.tuples(ages, ages), min_size=1, max_size=40).map(np.array)


def test_a_worked_example() -> None:
    true = [15, 16, 17, 17.9, 18, 20, 30, 40]
    estimated = [14, 18, 21, 25, 17, 24.9, 31, 25]
    errors = threshold_errors(true, estimated, challenge=[18, 21, 25])
    assert (errors["legal_age"], errors["n_under"], errors["n_over"]) == (18, 4, 4)
    assert errors["challenge"] == {
        "18": {"false_positive_rate": 3 / 4, "false_negative_rate": 1 / 4},
        "21": {"false_positive_rate": 2 / 4, "false_negative_rate": 1 / 4},
        "25": {"false_positive_rate": 1 / 4, "false_negative_rate": 2 / 4},
    }


@given(pairs, st.integers(1, 30))
def test_rates_are_shares_of_each_side(pair: np.ndarray, legal: int) -> None:
    true, estimated = pair.T
    errors = threshold_errors(true, estimated, legal_age=legal)
    assert list(errors["challenge"]) == [str(age) for age in range(legal, legal + 18)]
    for age, rates in errors["challenge"].items():
        under = [e >= int(age) for t, e in pair if t < legal]
        over = [e < int(age) for t, e in pair if t >= legal]
        assert (errors["n_under"], errors["n_over"]) == (len(under), len(over))
        assert rates["false_positive_rate"] == (sum(under) / len(under) if under else None)
        assert rates["false_negative_rate"] == (sum(over) / len(over) if over else None)


@given(pairs)
def test_a_higher_challenge_age_passes_fewer_and_stops_more(pair: np.ndarray) -> None:
    rows = threshold_errors(*pair.T)["challenge"].values()
    passed = [row["false_positive_rate"] or 0 for row in rows]
    stopped = [row["false_negative_rate"] or 0 for row in rows]
    assert passed == sorted(passed, reverse=True)
    assert stopped == sorted(stopped)


def test_the_challenge_ages_of_adulthood_are_18_to_35() -> None:
    years = list(threshold_errors([20], [20])["challenge"])
    assert (years[0], years[-1], len(years)) == ("18", "35", 18)


def test_bad_input_is_a_named_error() -> None:
    with pytest.raises(ConfigError, match="legal_age is out of range"):
        threshold_errors([1], [1], legal_age=0)
    with pytest.raises(InvalidArrayError):
        threshold_errors([1, math.nan], [1, 2])
