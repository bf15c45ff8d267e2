from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from facelage.infer.video.assignment import assign

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
# Half the pairs can't be, as for faces in different corners.
tables = arrays(
    np.float64, shapes, elements=st.one_of(st.just(0.0), st.floats(0.0625, 1.0, width=16))
)


@given(tables)
def test_the_total_is_scipys(table: np.ndarray) -> None:
    pairs = assign(table)
    rows, columns = linear_sum_assignment(table, maximize=True)
    assert sum(table[pair] for pair in pairs) == pytest.approx(table[rows, columns].sum())


@given(tables)
def test_each_row_and_column_is_used_once_and_nothing_impossible_is_paired(
    table: np.ndarray,
) -> None:
    pairs = assign(table)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert pairs == sorted(pairs)
    assert all(table[pair] > 0 for pair in pairs)


def test_two_weak_pairs_do_not_break_up_a_strong_one() -> None:
    assert assign([[0.9, 0.1], [0.2, 0.0]]) == [(0, 0)]


@pytest.mark.parametrize("empty", [[], [[], []], np.empty((0, 3))])
def test_nothing_to_pair(empty: object) -> None:
    assert assign(empty) == []  # type: ignore[arg-type]
