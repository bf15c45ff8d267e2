from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import tiny
from facelage.data.manifest import Manifest


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    tiny.write_faces(folder).save(folder / "manifest.csv")
    return folder


@pytest.fixture(scope="module")
def table(data: Path) -> Path:
    faces = Manifest.load(data).frame
    path = data / "theirs.csv"
    pd.DataFrame({"path": faces["path"], "predicted": faces["age"] + 1}).to_csv(path, index=False)
    return path


def test_models_tables_and_constants_are_compared(
    facelage: Callable, data: Path, table: Path, tmp_path: Path
) -> None:
    arguments = ["compare", table, "constant-mean:30", "--data", data, "--no-progress"]
    done = facelage(*arguments, "--out", tmp_path / "out", "--group", "gender")
    assert done.code == 0, done.err
    assert "2 models on" in done.out
    assert "theirs is better than constant-mean:30 by" in done.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"comparison.json", "comparison.txt", "theirs"} <= names
    plain = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    assert plain["table"][0]["summary"]["mae"] == pytest.approx(1)
    assert plain["n"] == 8
    printed = json.loads(facelage(*arguments, "--json").out)
    assert printed["differences"][0]["a"] == "theirs"


def test_one_model_is_nothing_to_compare(facelage: Callable, data: Path, table: Path) -> None:
    done = facelage("compare", table, "--data", data)
    assert done.code == 1
    assert "nothing to compare" in done.err


def test_the_files_that_peers_name_may_lie_elsewhere(
    facelage: Callable, data: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def open_baseline(name: str, *, weights: Path | None) -> object:
        from facelage.evaluate.baselines import ConstantModel

        asked.append((Path(name).name, weights))
        return ConstantModel(30, "peer")

    monkeypatch.setattr("facelage.evaluate.baselines.open_baseline", open_baseline)
    spec = tmp_path / "peer.toml"
    done = facelage("compare", table, spec, "--data", data, "--weights", tmp_path, "--no-progress")
    assert done.code == 0, done.err
    assert asked == [("peer.toml", tmp_path)]
