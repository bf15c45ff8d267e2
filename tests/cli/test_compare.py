from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

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


def test_models_of_one_name_are_told_apart_on_damaged_faces_too(
    facelage: Callable, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Result:
        table = tiny.corruption_table()

        def save(self, folder: Path) -> None:
            (folder / "corruptions.csv").touch()

    def corrupt_and_evaluate(models: list, *_: object, **__: object) -> Result:
        assert (tmp_path / "comparison.json").is_file()
        asked.extend(model.name for model in models)
        return Result()

    monkeypatch.setattr("facelage.evaluate.corruptions.corrupt_and_evaluate", corrupt_and_evaluate)
    monkeypatch.setattr("facelage.evaluate.faces.find_faces", lambda manifest, *_, **__: manifest)
    html = SimpleNamespace(write_report=lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "facelage.evaluate.html", html)
    models = ["constant:30", "constant:30"]
    done = facelage("compare", *models, "--data", data, "--corruptions", "--out", tmp_path)
    assert done.code == 0, done.err
    assert asked == ["constant:30", "constant:30 (2)"]
    assert "constant:30 and constant:30 (2)" in done.out
    assert (tmp_path / "corruptions.csv").is_file()


def test_what_prepare_rejected_is_told(facelage: Callable, data: Path, tmp_path: Path) -> None:
    frame = Manifest.load(data).frame
    frame.loc[0, ["status", "split"]] = ["no_face", ""]
    Manifest(frame, tmp_path).save(tmp_path / "manifest.csv")
    done = facelage("compare", "constant:30", "constant:40", "--data", tmp_path)
    assert "1 images that `prepare` rejected are in no figure: 1 no_face" in done.out


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
