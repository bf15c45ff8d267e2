"""The weights in the wheel, as they are in this checkout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from facelage.models.weights import SHIPPED, describe_file, list_models, read_entry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).parents[2] / "benchmarks" / "accuracy"


@pytest.mark.parametrize("name", list_models())
def test_an_entry_describes_the_files_beside_it(name: str) -> None:
    entry = read_entry(SHIPPED / f"{name}.json")
    assert "onnx" in entry.files
    for described in entry.files.values():
        file = SHIPPED / described.file
        assert described == describe_file(file, described.url)


@pytest.mark.parametrize("name", list_models())
def test_an_entry_says_what_its_text_in_benchmarks_says(name: str) -> None:
    """release_weights.py copies the text; whoever edits one of the two later must edit both."""
    text = tomllib.loads((RECIPES / f"{name.removesuffix('-int8')}.toml").read_text())
    entry = json.loads((SHIPPED / f"{name}.json").read_text())
    assert {key: entry[key] for key in text} == text
    assert set(text) == {"licence", "training_data", "limits"}


def test_nothing_else_lies_among_the_weights() -> None:
    assert list_models()
    expected = {"LICENSE.md", "face_landmarks_0.1.0.onnx"}
    for name in list_models():
        files = read_entry(SHIPPED / f"{name}.json").files.values()
        expected |= {f"{name}.json", *(each.file for each in files)}
    assert {path.name for path in SHIPPED.iterdir() if path.is_file()} == expected
