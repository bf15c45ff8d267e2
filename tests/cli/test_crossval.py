from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

import tiny


def test_it_prints_the_error_and_writes_the_predictions(facelage: Callable, tmp_path: Path) -> None:
    data, out = tmp_path / "faces", tmp_path / "cv"
    tiny.write_faces(data, {"train": 12, "test": 2}).save(data / "manifest.csv")
    (data / "prepare.json").write_text(f'{{"config": {{"crop": {tiny.CROP.to_json()}}}}}')
    done = facelage(
        "crossval", data, "--out", out, "--folds", 2, "--epochs", 1, "--batch-size", 4,
        "--threads", 1, "--augmentation", "none", "--no-progress",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert " on 12 faces; folds " in done.out
    assert "predictions.csv" in done.err
    table = pd.read_csv(out / "predictions.csv")
    mae = (table["predicted"] - table["age"]).abs().mean()
    assert done.out.startswith(f"MAE {mae:.2f} years (")
