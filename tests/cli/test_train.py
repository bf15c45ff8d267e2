from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import tiny
from facelage.data.manifest import Manifest
from facelage.models import load_weights


def prepared(folder: Path, size: int = 32) -> Path:
    """Synthetic faces with the settings that `prepare` would leave."""
    tiny.write_faces(folder, {"train": 12, "val": 4, "test": 4}).save(folder / "manifest.csv")
    crop = json.loads(tiny.CROP.to_json()) | {"size": size}
    (folder / "prepare.json").write_text(json.dumps({"config": {"crop": crop}}))
    return folder


def test_faces_become_a_model_with_their_crop(facelage: Callable, tmp_path: Path) -> None:
    data, run = prepared(tmp_path / "faces"), tmp_path / "run"
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"epochs": 1, "batch_size": 4, "loss": "huber"}))
    arguments = ["train", data, "--run", run, "--config", settings, "--threads", 1]
    weights = ["--age-weight", "12=3", "--age-weight", "20=1"]
    done = facelage(*arguments, "--lr", 0.002, "--sizes", "32", *weights, "--no-progress")
    assert done.code == 0, done.err
    assert done.out.startswith("best epoch 1 of 1: validation MAE ")
    assert load_weights(run)[1] == tiny.CROP
    used = json.loads((run / "config.json").read_text())
    assert (used["epochs"], used["loss"], used["lr"], used["sizes"]) == (1, "huber", 0.002, [32])
    assert used["age_weights"] == {"12": 3.0, "20": 1.0}


def test_data_cut_in_two_ways_is_refused(facelage: Callable, tmp_path: Path) -> None:
    one, other = prepared(tmp_path / "one"), prepared(tmp_path / "other", size=48)
    done = facelage("train", one, other, "--run", tmp_path / "run")
    assert done.code == 1
    assert "another crop" in done.err


def test_settings_that_cannot_be_are_refused(facelage: Callable, tmp_path: Path) -> None:
    data = prepared(tmp_path / "faces")
    for option, value in (
        ("--sizes", "big"),
        ("--balance", 3),
        ("--source-weight", "lfw"),
        ("--age-weight", "young=3"),
        ("--age-weight", "12"),
    ):
        done = facelage("train", data, "--run", tmp_path / "run", option, value)
        assert done.code in (1, 2)
        assert "Traceback" not in done.err
    assert len(Manifest.load(data)) == 20


def test_live_teachers_are_files_of_models(facelage: Callable, tmp_path: Path) -> None:
    data, lost = prepared(tmp_path / "faces"), tmp_path / "none.onnx"
    arguments = ["--teacher", "elder=1", "--live", lost, "--no-progress"]
    done = facelage("train", data, "--run", tmp_path / "run", *arguments)
    assert done.code == 1
    assert f"no such live teacher\n  got: {lost}\n" in done.err
