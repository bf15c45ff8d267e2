from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from facelage.data.manifest import Manifest
from facelage.errors import ManifestError
from facelage.train import TrainConfig
from facelage.train.inputs import identity, source_weights


def test_sources_are_weighed_by_the_folders_name(faces: Manifest) -> None:
    config = TrainConfig(source_weights={faces.root.name: 0.5})
    assert np.array_equal(source_weights(faces, config), np.full(len(faces), 0.5, np.float32))


def test_the_folders_name_is_known_from_inside(
    faces: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(faces.root)
    config = TrainConfig(source_weights={faces.root.name: 0.5})
    here = Manifest(faces.frame, Path())
    assert np.array_equal(source_weights(here, config), source_weights(faces, config))


def test_a_source_column_comes_first(faces: Manifest) -> None:
    even = faces.usable("train")
    frame = even.frame.assign(source=["a", "b"] * 12)
    weights = source_weights(
        Manifest(frame, even.root), TrainConfig(source_weights={"b": 2.0, "a": 0.0})
    )
    assert np.array_equal(weights, np.array([0.0, 2.0] * 12, np.float32))


def test_an_unknown_source_is_named(faces: Manifest) -> None:
    with pytest.raises(ManifestError, match=f"got: imdb; expected: {faces.root.name}"):
        source_weights(faces, TrainConfig(source_weights={"imdb": 2.0}))


def test_the_identity_names_crops_ages_and_splits(faces: Manifest) -> None:
    train, val = faces.usable("train"), faces.usable("val")
    moved = Manifest(train.frame, train.root / "elsewhere")
    assert identity(train, val, tiny.CROP) == identity(moved, val, tiny.CROP)
    assert identity(train, val, tiny.CROP) != identity(val, train, tiny.CROP)
