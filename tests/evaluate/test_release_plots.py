"""The pictures that benchmarks/accuracy/release_plots.py draws for the model card."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from facelage.data.balance import balance_weights
from facelage.data.manifest import Manifest, from_records
from facelage.evaluate import evaluate, plots
from facelage.evaluate.predictions import PredictionsTable

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "accuracy"
AGES = np.array([20.0] * 30 + [70.0] * 3)


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("release_plots")


@pytest.fixture
def held_out(tmp_path: Path) -> Manifest:
    for name in ("utkface", "aaf", "lfw"):
        rows: list[dict[str, Any]] = [
            {"path": f"{number}.jpg", "age": age, "split": "train"}
            for number, age in enumerate(AGES)
        ]
        (tmp_path / name).mkdir()
        from_records(rows, tmp_path / name).save(tmp_path / name / "manifest.csv")
    (tmp_path / "config.json").write_text(json.dumps({"balance": 0.5, "balance_limit": 1.2}))
    return from_records([{"path": f"t{age}.jpg", "age": age} for age in range(5, 65)], tmp_path)


def table(manifest: Manifest, error: float) -> pd.DataFrame:
    frame = manifest.frame
    return pd.DataFrame({"path": frame["path"], "predicted": frame["age"] + error})


def test_four_pictures_and_the_best_peer_that_tried_every_face(
    release: Any, held_out: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peers" / "utkface").mkdir(parents=True)
    for name, error, count in (("ssrnet_imdb", 4, 60), ("ssrnet_wiki", 3, 60), ("face_api", 1, 40)):
        file = tmp_path / "peers" / "utkface" / f"{name}.csv"
        table(held_out, error).head(count).to_csv(file, index=False)
    ours = evaluate(PredictionsTable(table(held_out, 2), "ours"), held_out, rounds=1)
    drawn: list[Any] = []
    given: list[Any] = []
    bars, histogram = plots.cs_by_age, plots.age_histogram
    monkeypatch.setattr(plots, "cs_by_age", lambda each: drawn.append(each) or bars(each))
    monkeypatch.setattr(
        plots, "age_histogram", lambda *each, data: given.append(each) or histogram(*each)
    )
    for peers in (tmp_path / "peers", None):
        paths = release.write_plots(
            ours, held_out, tmp_path, tmp_path, peers=peers, folder=tmp_path / "out"
        )
    assert [[each.model for each in models] for models in drawn] == [
        ["ours", "SSR-Net (WIKI)"],
        ["ours"],
    ]
    ages, weights = given[0]
    assert np.array_equal(ages, np.tile(AGES, 3))
    assert np.array_equal(weights, balance_weights(ages, 0.5, limit=1.2))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in paths
    )
    assert len(paths) == 4
    for path in paths:
        assert path.stat().st_size < 120_000
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape[1] == 780  # 5.2 inches at 150 dpi
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_a_picture_that_is_too_large_is_not_kept(
    release: Any, held_out: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "LARGEST", 1000)
    ours = evaluate(PredictionsTable(table(held_out, 2), "ours"), held_out, rounds=1)
    with pytest.raises(SystemExit, match=r"cs5_by_age.png has .* more than 1,000"):
        release.write_plots(ours, held_out, tmp_path, tmp_path, folder=tmp_path / "out")
