"""Which trainings benchmarks/accuracy/train_release.py may take from files (--have)."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "accuracy"

#: The third learns from drawn faces, so that the panel asks the second.
STAGES: list[dict[str, Any]] = [{}, {}, {"made": 5}, {"made": 5, "mean": [1]}, {"start": 3}]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("train_release")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "w.safetensors").touch()
    return tmp_path / "w.safetensors"


def test_trainings_that_are_needed_may_come_from_files(recipe: ModuleType, file: Path) -> None:
    had = recipe.had_outcomes([f"{n}={file}" for n in (1, 2, 3)], STAGES)
    assert {number: outcome.weights for number, outcome in had.items()} == {
        1: file,
        2: file,
        3: file,
    }
    assert recipe.had_outcomes([], STAGES) == {}
    assert set(recipe.had_outcomes([f"1={file}"], STAGES)) == {1}


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ((3,), r"trainings \[1, 2\]"),
        ((2, 3), r"trainings \[1\]"),
        ((1, 2, 4), r"trainings \[3\]"),
        ((5,), "number below 5"),
        ((0,), "number below 5"),
        (("x",), "number below 5"),
        ((1, 1), "said before"),
    ],
)
def test_what_does_not_do_is_refused(
    recipe: ModuleType, file: Path, numbers: tuple[Any, ...], why: str
) -> None:
    with pytest.raises(SystemExit, match=why):
        recipe.had_outcomes([f"{n}={file}" for n in numbers], STAGES)


def test_a_file_must_be_there(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no file"):
        recipe.had_outcomes([f"1={tmp_path / 'none'}"], STAGES)


def test_the_first_training_can_not_learn_from_drawn_faces(recipe: ModuleType) -> None:
    with pytest.raises(SystemExit, match="no panel yet"):
        recipe.had_outcomes([], [{"wide": 3}, {}])
