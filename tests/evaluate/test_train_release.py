"""What benchmarks/accuracy/train_release.py takes from files (--have), and what it asks of whom."""

from __future__ import annotations

import importlib
import json
import sys
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


def asked(
    recipe: ModuleType,
    stages: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, list[list[str]]]:
    """The arguments of each script that a recipe with these trainings calls, in order."""
    calls: dict[str, list[list[str]]] = {}

    def step(out: Path, name: str, command: list[object]) -> None:
        script, *arguments = (str(part) for part in command[1:])
        calls.setdefault(Path(script).name, []).append(arguments)

    monkeypatch.setattr(recipe, "step", step)
    (tmp_path / "recipe.json").write_text(json.dumps(stages), encoding="utf-8")
    words = ["train_release.py", "shared", "out", "--weights", "w", "--recipe", "recipe.json"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(sys, "argv", words)
    recipe.main()
    return calls


def test_the_panel_asks_what_the_training_before_the_first_drawn_faces_came_to(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = asked(recipe, [{}, {"made": 5}, {"made": 5}], tmp_path, monkeypatch)
    assert [call[0] for call in calls["own_answers.py"]] == ["out/run_1_1/last.safetensors"]
    assert not any("own" in call for call in calls["panel.py"])


def test_without_a_training_before_drawn_faces_the_panel_is_the_other_networks(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = asked(recipe, [{"made": 5}, {"made": 5}], tmp_path, monkeypatch)
    assert "own_answers.py" not in calls
    assert [("--without own" in " ".join(call)) for call in calls["panel.py"]] == [True, True]
    assert recipe.had_outcomes([], [{"wide": 3}, {}]) == {}
