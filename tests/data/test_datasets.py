from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from data.samples import texture, write_textures
from facelage.data.datasets import FaceAgeDataset
from facelage.data.manifest import Manifest
from facelage.errors import ManifestError


@pytest.fixture
def prepared(tmp_path: Path) -> Manifest:
    frame = write_textures(tmp_path, 6, side=40).frame
    splits = ["train", "train", "val", "train", "test", "train"]
    status = ["ok", "ok", "ok", "ok", "ok", "no_face"]
    return Manifest(frame.assign(crop=frame["path"], split=splits, status=status), tmp_path)


def test_items_are_the_crops_and_ages_of_the_split(prepared: Manifest) -> None:
    dataset = FaceAgeDataset(prepared, "train")
    assert len(dataset) == 3
    for item, index in ((0, 0), (1, 1), (2, 3), (-1, 3)):
        crop, age = dataset[item]
        assert crop.dtype == torch.uint8
        assert np.array_equal(crop.numpy(), texture(index, 40).transpose(2, 0, 1))
        assert age == float(index)
    assert len(FaceAgeDataset(prepared)) == 5
    with pytest.raises(IndexError):
        dataset[3]


def test_a_transform_is_applied_and_a_loader_makes_batches(prepared: Manifest) -> None:
    dataset = FaceAgeDataset(prepared, transform=lambda crop: crop.float() / 255)
    (crops, ages) = next(iter(DataLoader(dataset, batch_size=5)))
    assert crops.shape == (5, 3, 40, 40)
    assert crops.max() <= 1
    assert ages.tolist() == [0, 1, 2, 3, 4]


def test_datasets_travel_to_worker_processes(prepared: Manifest) -> None:
    dataset = FaceAgeDataset(prepared, "val")
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[0][0], dataset[0][0])


def test_bad_splits_are_named(prepared: Manifest) -> None:
    with pytest.raises(ManifestError, match="unknown split; got: 'dev'"):
        FaceAgeDataset(prepared, "dev")
    empty = Manifest(prepared.frame.assign(split="train"), prepared.root)
    with pytest.raises(ManifestError, match="no crops to read"):
        FaceAgeDataset(empty, "val")
