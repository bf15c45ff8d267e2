from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from facelage.data.align import CropSpec
from facelage.errors import ManifestError
from facelage.export import labelled_faces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = tiny.write_faces(tmp_path, {"train": 24, "val": 9})
    manifest.frame.loc[manifest.frame["split"] == "val", "age"] = [*range(8), np.nan]
    manifest.save(tmp_path / "manifest.csv")
    return tmp_path


def test_crops_and_ages_belong_together(folder: Path) -> None:
    crops, ages = labelled_faces(folder, tiny.CROP, split="train", count=100)
    assert crops.shape == (24, 32, 32, 3)
    assert np.abs(crops.mean((1, 2, 3)) - np.minimum(40 + 2 * ages, 255)).max() < 2


def test_a_few_are_spread_over_all(folder: Path) -> None:
    _, ages = labelled_faces(folder, tiny.CROP, split="train", count=4)
    assert ages[0] == 2.0
    assert ages[-1] == 90.0
    assert len(ages) == 4


def test_faces_without_an_age_are_left_out(folder: Path) -> None:
    _, ages = labelled_faces(folder, tiny.CROP, split="val", count=100)
    assert ages.tolist() == list(range(8))


def test_no_face_is_an_error(folder: Path) -> None:
    with pytest.raises(ManifestError, match="no faces of the split 'test'"):
        labelled_faces(folder, tiny.CROP, split="test", count=4)


def test_crops_too_small_for_the_model_are_refused(folder: Path) -> None:
    with pytest.raises(ManifestError, match="do not fit the model"):
        labelled_faces(folder, CropSpec(size=64), split="train", count=4)
