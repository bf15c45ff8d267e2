from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import InvalidArrayError
from facelage.metrics import interval_coverage

ages = st.floats(0, 100)
faces = st.lists(st.tuples(ages, ages, st.floats(0, 30)), min_size=1, max_size=30).map(np.array)


def test_a_worked_example() -> None:
    figures = interval_coverage([10, 20, 30, 40], [10, 21, 25, 41], [15, 25, 30, 49])
    assert figures == {"n": 4, "share": 0.5, "median_width": 5}


@given(faces)
def test_wider_intervals_hold_no_fewer(table: np.ndarray) -> None:
    true, low, width = table.T
    narrow = interval_coverage(true, low, low + width)
    wide = interval_coverage(true, low - 1, low + width + 1)
    assert 0 <= narrow["share"] <= wide["share"] <= 1
    assert wide["median_width"] == pytest.approx(narrow["median_width"] + 2)


def test_both_ends_belong_to_the_interval() -> None:
    assert interval_coverage([5, 9], [5, 5], [9, 9])["share"] == 1


def test_bad_input_is_a_named_error() -> None:
    with pytest.raises(InvalidArrayError, match=r"ends before it starts; got: 1 of 2, first at 1"):
        interval_coverage([1, 2], [0, 5], [3, 4])
    for low, high in (([1, 2], [3]), ([math.nan], [2])):
        with pytest.raises(InvalidArrayError):
            interval_coverage([1], low, high)
