from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.errors import ConfigError, InvalidArrayError
from facelage.metrics import (
    band_names,
    bias,
    by_age,
    by_band,
    by_group,
    by_life_stage,
    compare_groups,
    macro_mae,
    mae,
    mse,
    summary,
)

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
        by_life_stage(true, predicted),
        compare_groups(true, predicted, names),
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


@given(rows)
def test_fairlearns_groups_are_our_own(table: Rows) -> None:
    pytest.importorskip("fairlearn")
    compared, plain = compare_groups(*columns(table)), by_group(*columns(table))
    assert list(compared) == list(plain)
    for name, figures in plain.items():
        assert {key: compared[name][key] for key in figures} == figures


def three_groups() -> tuple[np.ndarray, np.ndarray, list[str]]:
    true = np.full(100, 40.0)
    error = np.r_[np.full(40, 2.0), np.full(31, 3.0), np.full(29, 1.0)]
    return true, true + error, ["good"] * 40 + ["bad"] * 31 + ["few"] * 29


@pytest.mark.parametrize("with_fairlearn", [True, False])
def test_groups_are_compared_with_the_best_of_those_with_enough_faces(
    with_fairlearn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_fairlearn:
        monkeypatch.setitem(sys.modules, "fairlearn.metrics", None)
    groups = compare_groups(*three_groups())
    assert {n: (g["n"], g["few"]) for n, g in groups.items()} == {
        "bad": (31, False),
        "few": (29, True),
        "good": (40, False),
    }
    differences = {name: row["mae_difference"] for name, row in groups.items()}
    assert differences == pytest.approx({"bad": 1, "few": -1, "good": 0})
    ratios = {name: row["mae_ratio"] for name, row in groups.items()}
    assert ratios == pytest.approx({"bad": 1.5, "few": 0.5, "good": 1})
    assert groups["bad"]["cs5"] == 1


def test_without_a_group_of_enough_faces_there_is_no_best() -> None:
    groups = compare_groups([1.0] * 29, [2.0] * 29, ["a"] * 29)
    assert (groups["a"]["mae_difference"], groups["a"]["mae_ratio"]) == (None, None)
    assert groups["a"]["few"]


def test_a_best_group_without_error_has_no_ratio() -> None:
    groups = compare_groups([1.0] * 60, [1.0] * 30 + [2.0] * 30, ["a"] * 30 + ["b"] * 30)
    assert groups["b"]["mae_difference"] == 1
    assert groups["b"]["mae_ratio"] is None


def test_faces_without_a_group_are_compared_with_nobody() -> None:
    groups = compare_groups([1.0] * 3, [2.0] * 3, ["", None, "a\0"])
    assert list(groups) == ["a\0"]
    assert compare_groups([1.0], [2.0], [math.nan]) == {}


def test_the_stages_of_life_begin_where_they_say() -> None:
    stages = by_life_stage([0, 12.9, 13, 17, 18, 64.9, 65, 100], [0] * 8)
    assert {name: row["n"] for name, row in stages.items()} == {
        "child 0-12": 2,
        "teen 13-17": 2,
        "adult 18-64": 2,
        "senior 65+": 2,
    }
    assert list(by_life_stage([70, 5], [0, 0])) == ["child 0-12", "senior 65+"]


@given(st.lists(st.floats(-5, 120), min_size=1, max_size=20))
def test_names_of_bands_are_those_of_the_tables(years: list[float]) -> None:
    names = band_names(years)
    counts = {name: row["n"] for name, row in by_band(years, years).items()}
    assert counts == {name: names.count(name) for name in counts}
    assert names.count("") == sum(year < 0 for year in years)
