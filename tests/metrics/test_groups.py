from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError, InvalidArrayError
from facelage.metrics import bias, by_age, by_band, by_group, macro_mae, mae, mse, summary

ages = st.floats(0, 120, allow_subnormal=False)
rows = st.lists(st.tuples(ages, ages, st.text(min_size=1, max_size=3)), min_size=1, max_size=30)
Rows = list[tuple[float, float, str]]


def columns(table: Rows) -> tuple[np.ndarray, np.ndarray, list[str]]:
    true, predicted, names = zip(*table, strict=True)
    return np.array(true), np.array(predicted), list(names)


@given(rows)
def test_groups_weighted_by_n_give_the_whole(table: Rows) -> None:
    true, predicted, names = columns(table)
    for groups in (
        by_group(true, predicted, names),
        by_age(true, predicted),
        by_band(true, predicted),
        by_band(true, predicted, (0, 18, 65)),
    ):
        n = np.array([figures["n"] for figures in groups.values()])
        assert n.sum() == len(table)
        for name, figure in (("mae", mae), ("mse", mse), ("bias", bias)):
            parts = np.array([figures[name] for figures in groups.values()])
            assert (n * parts).sum() / n.sum() == pytest.approx(
                figure(true, predicted), rel=1e-9, abs=1e-9
            )


@given(rows)
def test_a_group_is_the_summary_of_its_rows(table: Rows) -> None:
    groups = by_group(*columns(table))
    assert list(groups) == sorted({name for _, _, name in table})
    for name, figures in groups.items():
        true, predicted, _ = columns([row for row in table if row[2] == name])
        assert figures == summary(true, predicted)


def test_rows_without_a_name_are_left_out() -> None:
    names = ["a", "", None, math.nan, pd.NA, pd.NaT, "a", float("nan")]
    groups = by_group(np.arange(8.0), np.arange(8.0) + 1, names)
    assert list(groups) == ["a"]
    assert groups["a"]["n"] == 2


def test_a_null_character_is_a_part_of_a_name() -> None:
    assert list(by_group([1, 2, 3], [1, 2, 3], ["a", "a\0", "\0"])) == ["\0", "a", "a\0"]


def test_numbers_name_groups_too() -> None:
    assert list(by_group([1, 2, 3], [1, 2, 3], np.array([1, 0, 1]))) == ["0", "1"]


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidArrayError, match="got: 1 and 2"):
        by_group([1, 2], [1, 2], ["a"])


@given(st.lists(ages, min_size=1, max_size=30))
def test_bands_cover_every_age_once(years: list[float]) -> None:
    bands = by_band(years, years)
    assert sum(figures["n"] for figures in bands.values()) == len(years)
    for year in years:
        decade = min(90, math.floor(year / 10) * 10)
        assert ("90+" if decade == 90 else f"{decade}-{decade + 9}") in bands


def test_a_band_includes_its_lower_end_only() -> None:
    bands = by_band([0, 9.99, 10, 89.9, 90, 119], [0] * 6)
    assert {name: figures["n"] for name, figures in bands.items()} == {
        "0-9": 2,
        "10-19": 1,
        "80-89": 1,
        "90+": 2,
    }


def test_bands_come_in_order_and_leave_out_what_lies_below() -> None:
    bands = by_band([70, 20, 5, 18], [0] * 4, starts=(18, 65))
    assert {name: figures["n"] for name, figures in bands.items()} == {"18-64": 2, "65+": 1}
    assert list(bands) == ["18-64", "65+"]


def test_bands_of_half_years_name_their_ends() -> None:
    assert list(by_band([0.1, 0.7, 3], [0, 0, 0], starts=(0, 0.5, 1))) == ["0-0.5", "0.5-1", "1+"]


@pytest.mark.parametrize("starts", [(), (10, 0), (0, 0)])
def test_bands_that_do_not_ascend_are_refused(starts: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="must ascend"):
        by_band([1], [1], starts)


def test_ages_round_half_up() -> None:
    groups = by_age([1.5, 2.0, 2.49, 2.5], [0] * 4)
    assert {year: figures["n"] for year, figures in groups.items()} == {2: 3, 3: 1}


def test_every_band_counts_the_same_in_the_macro_mae() -> None:
    true, predicted = [5] * 9 + [35], [6] * 9 + [45]
    assert macro_mae(true, predicted) == pytest.approx((1 + 10) / 2)
    assert mae(true, predicted) == pytest.approx(1.9)


def test_a_macro_mae_of_no_band_is_a_named_error() -> None:
    with pytest.raises(InvalidArrayError, match="no age lies in a band"):
        macro_mae([1, 2], [1, 2], starts=(10, 20))


@pytest.mark.parametrize("figure", [by_age, by_band, macro_mae])
def test_bad_input_is_a_named_error(figure: object) -> None:
    for true, predicted in (([], []), ([1], [1, 2]), ([math.nan], [1])):
        with pytest.raises(InvalidArrayError):
            figure(true, predicted)  # type: ignore[operator]
