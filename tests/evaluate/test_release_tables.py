"""The tables that benchmarks/accuracy/release_weights.py writes for the model card."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "accuracy"


def result(data: str, failures: dict[str, int], decades: tuple[str, ...]) -> SimpleNamespace:
    summary = {"n": 1234.0, "mae": 4.567, "bias": -0.04, "mse": 40.0}
    summary |= {"cs5": 0.6543, "cs10": 0.9, "top1": 0.1}
    rows = {"20-29": {"n": 1200.0, "mae": 4.0, "bias": 0.5, "cs5": 0.7}}
    rows |= {"90+": {"n": 4.0, "mae": 9.0, "bias": -9.0, "cs5": 0.0}}
    figures = {
        "summary": summary,
        "intervals": {key: [value - 0.05, value + 0.05] for key, value in summary.items()},
        "by_decade": rows,
        "by_group": {},
        "images": 1240,
        "failures": failures,
        "coverage": {
            "share": 0.9012,
            "median_width": 20.56,
            "by_decade": {name: {"share": 0.876} for name in decades},
        },
    }
    return SimpleNamespace(data=data, figures=figures)


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    tables: Any = importlib.import_module("release_tables")
    sets = [
        result("utkface, test split", {}, ("20-29", "30-39")),
        result("appa_real_dev", {"no_face": 5, "unreadable": 1}, ("30-39",)),
    ]
    page = tables.markdown(sets)
    assert isinstance(page, str)
    return page.replace("\u00a0", " ")


def test_a_set_has_a_column_of_figures_with_intervals(text: str) -> None:
    assert "| | UTKFace, test split | APPA-REAL |\n|---|---|---|\n" in text
    assert "| faces | 1,234 | 1,234 |" in text
    assert "| MAE, years | 4.57 (4.52 to 4.62) | 4.57 (4.52 to 4.62) |" in text
    assert "| bias, years | -0.04 (-0.09 to +0.01) |" in text
    assert "| CS@5, % | 65.4 (60.4 to 70.4) |" in text


def test_what_has_no_age_is_counted_by_its_status(text: str) -> None:
    told = "5 of APPA-REAL's 1,240 photos (no_face), 1 of APPA-REAL's 1,240 photos (unreadable)"
    assert f"is in none. {told} gave no age." in text
    assert "UTKFace's" not in text


def test_coverage_has_a_dash_where_a_decade_is_empty(text: str) -> None:
    assert "| UTKFace, test split | 90.1 | 20.6 | - | - | 88 | 88 | - | - | - | - | - | - |" in text
    assert "| APPA-REAL | 90.1 | 20.6 | - | - | - | 88 | - | - | - | - | - | - |" in text


def test_decades_of_few_faces_say_so(text: str) -> None:
    assert text.count("| 20-29 | 1200 | 4.00 | +0.50 | 70.0 |") == 2
    assert text.count("| 90+ (few) | 4 | 9.00 | -9.00 | 0.0 |") == 2
