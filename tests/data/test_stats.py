from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.data.images import load_image
from facelage.data.manifest import Manifest, from_records
from facelage.data.stats import age_histogram, describe, label_differences, plot_ages, text_report
from facelage.errors import MissingDependencyError

odd_ages = st.one_of(st.floats(0, 122), st.sampled_from([math.nan, -3.0, 1985.0, 2e17, math.inf]))


@given(st.lists(st.floats(0, 122), max_size=50), st.sampled_from([1.0, 2.5, 5.0, 10.0]))
def test_every_age_is_in_the_band_that_holds_it(ages: list[float], width: float) -> None:
    counts, bands = age_histogram(ages, width)
    assert len(counts) == len(bands)
    for count, low in zip(counts, bands, strict=True):
        assert count == sum(low <= age < low + width for age in ages)
    assert counts.sum() == len(ages)


@settings(max_examples=20)
@given(st.lists(odd_ages, max_size=30))
def test_impossible_ages_do_not_stretch_the_report(ages: list[float]) -> None:
    counts, bands = age_histogram(ages)
    assert len(bands) <= 25
    assert counts.sum() == sum(0 <= age <= 122 for age in ages)
    report = text_report(from_records([{"path": "a", "age": age} for age in ages], "."))
    assert report.count("\n") < 45


def small() -> Manifest:
    return from_records(
        [
            {"path": "a", "age": 3.0, "split": "train", "group": "g"},
            {"path": "b", "age": 41.0, "split": "train", "group": "g"},
            {"path": "c", "age": 44.0, "split": "test", "group": "h"},
            {"path": "d", "age": 44.0, "split": "val"},
            {"path": "e", "age": 43.0, "status": "no_face"},
            {"path": "f", "age": 1985.0, "status": "bad_label"},
            {"path": "g", "status": "no_label"},
            {"path": "h", "age": 8.0, "status": "no_face"},
        ],
        ".",
    )


def test_facts_are_plain_data() -> None:
    facts = describe(small())
    assert json.loads(json.dumps(facts)) == facts
    assert facts == {
        "images": 8,
        "kept": 4,
        "status": {"ok": 4, "no_face": 2, "bad_label": 1, "no_label": 1},
        "split": {"train": 2, "test": 1, "val": 1},
        "grouped_images": 3,
        "groups": 2,
        "age": {"mean": 33.0, "median": 42.5, "min": 3.0, "max": 44.0},
        "repeated_pictures": None,
    }


def repeated() -> Manifest:
    def row(path: str, age: float, sha: str, group: str = "", status: str = "ok") -> dict[str, Any]:
        return {"path": path, "age": age, "sha256": sha, "group": group, "status": status}

    return from_records(
        [
            row("a", 30.0, "1", "dup:a"),
            row("b", 34.0, "2", "dup:a"),
            row("c", 38.0, "2", status="exact_duplicate"),  # a copy of b
            row("d", 50.0, "3"),
            row("e", 50.0, "3", status="exact_duplicate"),
            row("f", 7.0, "4", "a person"),  # two pictures of one person, years apart
            row("g", 27.0, "5", "a person"),
            row("h", 9.0, "6", "dup:h"),
            row("i", math.nan, "7", "dup:h"),
            row("j", 1.0, ""),
            row("k", 2.0, ""),
            row("l", 80.0, "3", status="no_face"),
        ],
        ".",
    )


def test_only_labels_of_one_picture_are_compared() -> None:
    assert sorted(label_differences(repeated())) == pytest.approx([0.0, (4 + 4 + 8) / 3])
    assert len(label_differences(small())) == 0
    facts = describe(repeated())["repeated_pictures"]
    assert facts == {
        "pictures": 2,
        "label_difference": pytest.approx(8 / 3),
        "same_label": 0.5,
    }
    assert (
        "labels: 2 pictures are there more than once, their ages 2.7 years apart on average, "
        "the same for 50%"
    ) in text_report(repeated()).splitlines()


@given(st.permutations(range(12)), st.floats(0, 50))
@settings(max_examples=20)
def test_order_and_a_shift_of_all_ages_do_not_matter(order: list[int], years: float) -> None:
    frame = repeated().frame.iloc[order]
    moved = Manifest(frame.assign(age=frame["age"] + years), Path())
    assert sorted(label_differences(moved)) == pytest.approx(sorted(label_differences(repeated())))


def test_no_rows_are_described_too() -> None:
    facts = describe(from_records([], "."))
    assert (facts["images"], facts["kept"], facts["age"]) == (0, 0, None)
    assert text_report(from_records([], ".")).startswith("0 images, 0 kept")


def test_the_report_shows_counts_and_ages_before_and_after() -> None:
    lines = text_report(small()).splitlines()
    assert lines[0] == "8 images, 4 kept"
    assert [line.split() for line in lines[2:6]] == [
        ["ok", "4", "50.00%"],
        ["no_face", "2", "25.00%"],
        ["bad_label", "1", "12.50%"],
        ["no_label", "1", "12.50%"],
    ]
    assert "splits: test 1, train 2, val 1" in lines
    assert "groups: 3 images in 2 groups" in lines
    assert "age: mean 33.0, median 42.5, 3 to 44 years" in lines
    table = [line.split() for line in lines[lines.index("  years      before   after") :]]
    assert table[1] == ["0-4", "1", "1", "##########"]
    assert table[2] == ["5-9", "1", "0", ".........."]
    assert table[9] == ["40-44", "4", "3", "#" * 30 + "." * 10]
    assert table[10] == ["outside", "1"]
    assert not any(line.endswith(" ") for line in lines)


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot_ages([3, 40, math.nan, 1985, math.inf], [3.0], tmp_path / "ages.png")
    image = load_image(tmp_path / "ages.png")
    assert image.shape == (600, 1200, 3)
    assert image.std() > 5
    plot_ages([], [], tmp_path / "none.png")
    assert load_image(tmp_path / "none.png").shape == image.shape
    plot_ages(np.arange(120), np.arange(60), tmp_path / "ages.png", labels=("a", "b"), title="x")
    assert not np.array_equal(load_image(tmp_path / "ages.png"), image)


def test_without_matplotlib_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"facelage\[plots\]"):
        plot_ages([1], [1], tmp_path / "ages.png")
    assert list(tmp_path.iterdir()) == []
