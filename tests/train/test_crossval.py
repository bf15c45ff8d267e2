from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError, ManifestError
from facelage.models import load_weights
from facelage.train import crossval
from facelage.train.batches import predict
from facelage.train.crossval import cross_validate


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    found = tiny.write_faces(tmp_path_factory.mktemp("faces"), {"train": 16, "val": 4, "test": 3})
    found.frame.loc[:5, "group"] = ["a", "a", "a", "b", "b", "b"]
    return found


@pytest.fixture(scope="module")
def done(faces: Manifest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("crossval")
    return folder, run(faces, folder)


def run(faces: Manifest, folder: Path, **changes: Any) -> pd.DataFrame:
    options: dict[str, Any] = {"folds": 3, "crop": tiny.CROP, "progress": False}
    return cross_validate(faces, folder, tiny.config(epochs=1), **options | changes)


def test_every_face_outside_the_test_split_is_predicted_once(
    faces: Manifest, done: tuple[Path, pd.DataFrame]
) -> None:
    _, found = done
    wanted = faces.frame[faces.frame["split"] != "test"]
    assert sorted(found["path"]) == sorted(wanted["path"])
    assert found["predicted"].notna().all()
    assert sorted(found["fold"].unique()) == [0, 1, 2]
    assert list(found["age"]) == list(wanted["age"])
    assert "gender" in found


def test_groups_stay_in_one_fold(done: tuple[Path, pd.DataFrame]) -> None:
    _, found = done
    named = found[found["group"] != ""]
    assert len(named) == 6
    assert (named.groupby("group")["fold"].nunique() == 1).all()


def test_a_fold_is_predicted_by_the_last_weights_of_a_run_without_it(
    faces: Manifest, done: tuple[Path, pd.DataFrame]
) -> None:
    folder, found = done
    for fold, part in found.groupby("fold"):
        model, crop = load_weights(folder / f"fold_{fold}" / "last.safetensors")
        held_out = Manifest(part, faces.root)
        ages = predict(model, CropStore(held_out), crop)
        assert np.allclose(part["predicted"], np.maximum(ages, 0))
    first, second = (
        load_weights(folder / f"fold_{n}" / "last.safetensors")[0].head.bias.item() for n in (0, 1)
    )
    assert first != second


def test_the_table_is_on_disk(done: tuple[Path, pd.DataFrame]) -> None:
    folder, found = done
    table = pd.read_csv(folder / "predictions.csv", keep_default_na=False)
    assert list(table.columns) == list(found.columns)
    assert np.allclose(table["predicted"], found["predicted"])


def test_finished_folds_are_not_trained_again(
    faces: Manifest, done: tuple[Path, pd.DataFrame]
) -> None:
    folder, found = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    assert len(before) == 6
    again = run(faces, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")} == before
    assert np.array_equal(again["predicted"], found["predicted"])


def test_an_interrupted_one_goes_on(
    faces: Manifest,
    done: tuple[Path, pd.DataFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dies(crossval.Trainer):
        def fit(self, manifests: Any, folder: Any) -> Any:
            if Path(folder).name == "fold_1":
                raise KeyboardInterrupt
            return super().fit(manifests, folder)

    with monkeypatch.context() as patch:
        patch.setattr(crossval, "Trainer", Dies)
        with pytest.raises(KeyboardInterrupt):
            run(faces, tmp_path)
    assert not (tmp_path / "predictions.csv").exists()
    assert np.array_equal(run(faces, tmp_path)["predicted"], done[1]["predicted"])


def test_nothing_to_divide_is_a_named_error(faces: Manifest, tmp_path: Path) -> None:
    only = Manifest(faces.frame[faces.frame["split"] == "test"], faces.root)
    with pytest.raises(ManifestError, match="no faces to divide"):
        run(only, tmp_path)
    with pytest.raises(ConfigError, match="too few folds"):
        run(faces, tmp_path, folds=1)


def test_a_folds_own_faces_never_end_its_training(faces: Manifest, tmp_path: Path) -> None:
    config = tiny.config(epochs=3, patience=1, lr=10.0)  # so high that the loss soon rises
    options: dict[str, Any] = {"folds": 2, "crop": tiny.CROP, "progress": False}
    cross_validate(faces, tmp_path, config, **options)
    for fold in range(2):
        assert len(pd.read_csv(tmp_path / f"fold_{fold}" / "metrics.csv")) == 3


def test_each_of_several_folders_has_its_own_table(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("x/a", "x", "a")]
    parts = []
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        parts.append(tiny.write_faces(folder, {"train": 4 + number, "test": 1}))
    found = cross_validate(
        parts, tmp_path / "cv", tiny.config(epochs=1), folds=2, crop=tiny.CROP, progress=False
    )
    assert len(found) == 15
    for name, part in zip(("a", "x", "a_2"), parts, strict=True):
        table = pd.read_csv(tmp_path / "cv" / f"predictions_{name}.csv")
        assert list(table["path"]) == list(part.frame["path"][part.frame["split"] == "train"])
    assert (found["predicted"] >= 0).all()
