from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import tiny


def test_it_prints_the_error_and_writes_the_predictions(facelage: Callable, tmp_path: Path) -> None:
    data, out = tmp_path / "faces", tmp_path / "cv"
    tiny.write_faces(data, {"train": 12, "test": 2}).save(data / "manifest.csv")
    (data / "prepare.json").write_text(f'{{"config": {{"crop": {tiny.CROP.to_json()}}}}}')
    done = facelage(
        "crossval", data, "--out", out, "--folds", 2, "--epochs", 1, "--batch-size", 4,
        "--threads", 1, "--augmentation", "none", "--no-progress", "--patience", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "patience is not heeded" in done.err
    assert " on 12 faces; folds " in done.out
    assert "predictions.csv" in done.err
    table = pd.read_csv(out / "predictions.csv")
    mae = (table["predicted"] - table["age"]).abs().mean()
    assert done.out.startswith(f"MAE {mae:.2f} years (")


def test_the_predictions_can_be_evaluated_of_one_folder_and_of_several(
    facelage: Callable, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "deep" / "two"]
    for seed, data in enumerate(folders):
        data.mkdir(parents=True)
        tiny.write_faces(data, {"train": 6, "val": 2 + seed, "test": 2}).save(data / "manifest.csv")
        (data / "prepare.json").write_text(f'{{"config": {{"crop": {tiny.CROP.to_json()}}}}}')
    options = (
        "--folds", 2, "--epochs", 1, "--batch-size", 4, "--threads", 1,
        "--augmentation", "none", "--no-progress",
    )  # fmt: skip
    facelage("crossval", folders[0], "--out", tmp_path / "cv", *options)
    facelage("crossval", *folders, "--out", tmp_path / "both", *options)
    for table, data, n in [
        ("cv/predictions.csv", folders[0], 8),
        ("both/predictions_one.csv", folders[0], 8),
        ("both/predictions_two.csv", folders[1], 9),
    ]:
        done = facelage(
            "evaluate", tmp_path / table, data, "--split", "trainval", "--json", "--rounds", 100
        )
        assert done.code == 0, done.err
        figures = json.loads(done.out)
        errors = pd.read_csv(tmp_path / table).eval("predicted - age").abs()
        assert (figures["summary"]["n"], figures["failures"]) == (n, {})
        assert figures["summary"]["mae"] == pytest.approx(errors.mean())


def test_the_interval_draws_people_as_that_of_evaluate_does(
    facelage: Callable, tmp_path: Path
) -> None:
    data = tmp_path / "faces"
    faces = tiny.write_faces(data, {"train": 12})
    faces.frame["group"] = [f"p{number // 3}" for number in range(12)]
    faces.save(data / "manifest.csv")
    (data / "prepare.json").write_text(f'{{"config": {{"crop": {tiny.CROP.to_json()}}}}}')
    done = facelage(
        "crossval", data, "--out", tmp_path / "cv", "--folds", 2, "--epochs", 1, "--batch-size", 4,
        "--threads", 1, "--augmentation", "none", "--no-progress",
    )  # fmt: skip
    told = facelage(
        "evaluate", tmp_path / "cv" / "predictions.csv", data, "--split", "trainval", "--json"
    )
    low, high = json.loads(told.out)["intervals"]["mae"]
    assert f" years ({low:.2f} to {high:.2f}) on 12 faces" in done.out
