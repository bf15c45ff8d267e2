from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
from facelage.data.manifest import Manifest
from facelage.errors import ManifestError
from facelage.train import TrainConfig
from facelage.train.inputs import identity, loss_weights, teacher_targets


def test_sources_are_weighed_by_the_folders_name(faces: Manifest) -> None:
    config = TrainConfig(source_weights={faces.root.name: 0.5})
    assert np.array_equal(loss_weights(faces, config), np.full(len(faces), 0.5, np.float32))


def test_the_folders_name_is_known_from_inside(
    faces: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(faces.root)
    config = TrainConfig(source_weights={faces.root.name: 0.5})
    here = Manifest(faces.frame, Path())
    assert np.array_equal(loss_weights(here, config), loss_weights(faces, config))


def test_a_source_column_comes_first(faces: Manifest) -> None:
    even = faces.usable("train")
    frame = even.frame.assign(source=["a", "b"] * 12)
    weights = loss_weights(
        Manifest(frame, even.root), TrainConfig(source_weights={"b": 2.0, "a": 0.0})
    )
    assert np.array_equal(weights, np.array([0.0, 2.0] * 12, np.float32))


def test_an_unknown_source_is_named(faces: Manifest) -> None:
    with pytest.raises(ManifestError, match=f"got: imdb; expected: {faces.root.name}"):
        loss_weights(faces, TrainConfig(source_weights={"imdb": 2.0}))


def test_ages_are_weighed_linearly_between_those_named_and_level_outside(faces: Manifest) -> None:
    ages = [0.0, 9.0, 10.0, 12.0, 20.0, 90.0]
    some = Manifest(faces.frame.iloc[: len(ages)].assign(age=ages), faces.root)
    # Named as text, so "9" would come after "20" and the weights would not be linear.
    config = TrainConfig(age_weights={"20": 1.0, "10": 3.0, "9": 5.0})
    expected = np.array([5.0, 5.0, 3.0, 2.6, 1.0, 1.0], np.float32)
    assert np.allclose(loss_weights(some, config), expected)
    both = TrainConfig(age_weights={"9": 5.0}, source_weights={faces.root.name: 0.5})
    assert np.array_equal(loss_weights(some, both), np.full(len(ages), 2.5, np.float32))


def test_the_identity_names_crops_ages_and_splits(faces: Manifest) -> None:
    train, val = faces.usable("train"), faces.usable("val")
    moved = Manifest(train.frame, train.root / "elsewhere")
    config = TrainConfig()
    known = identity(train, val, tiny.CROP, config)
    assert known == identity(moved, val, tiny.CROP, config)
    assert known != identity(val, train, tiny.CROP, config)


def test_the_identity_names_the_teachers_answers(faces: Manifest) -> None:
    train, val = faces.usable("train"), faces.usable("val")
    config = TrainConfig(teachers={"elder": 1.0})
    answers = [
        identity(Manifest(train.frame.assign(elder=n), train.root), val, tiny.CROP, config)
        for n in (30.0, 30.0, 31.0)
    ]
    assert answers[0] == answers[1] != answers[2]


def test_the_identity_names_the_attributes(faces: Manifest) -> None:
    train, val = faces.usable("train"), faces.usable("val")
    config = TrainConfig(attributes={"gender": 1.0})
    swapped = train.frame.assign(gender=train.frame["gender"].to_numpy()[::-1])
    known = identity(train, val, tiny.CROP, config)
    assert known == identity(train, val, tiny.CROP, config)
    assert known != identity(Manifest(swapped, train.root), val, tiny.CROP, config)
    assert known != identity(train, val, tiny.CROP, TrainConfig())


def test_the_identity_names_the_embeddings(faces: Manifest) -> None:
    train, val = faces.usable("train"), faces.usable("val")
    config = TrainConfig(embeddings={"face": 1.0})
    known = []
    for first in (1, 1, 2):
        texts = [f"{first if row == 0 else row + 5} 1" for row in range(len(train))]
        part = Manifest(train.frame.assign(face=texts), train.root)
        known.append(identity(part, val, tiny.CROP, config))
    assert known[0] == known[1] != known[2]


def test_targets_are_the_label_and_then_the_teachers(faces: Manifest) -> None:
    train = faces.usable("train")
    texts = ["", "nan", *(str(n / 2) for n in range(len(train) - 2))]
    part = Manifest(train.frame.assign(elder=texts, other=7), train.root)
    targets = teacher_targets(part, TrainConfig(teachers={"other": 1.0, "elder": 0.5}))
    assert targets.dtype == np.float32
    assert np.array_equal(targets[:, 0], train.ages().astype(np.float32))
    # In the order of the names, whatever the order of the settings.
    assert np.isnan(targets[:2, 1]).all()
    assert np.array_equal(targets[2:, 1], np.arange(len(train) - 2) / 2)
    assert (targets[:, 2] == 7).all()


def test_a_teacher_without_a_column_is_named(faces: Manifest) -> None:
    with pytest.raises(ManifestError, match="got: no column elder"):
        teacher_targets(faces.usable("train"), TrainConfig(teachers={"elder": 1.0}))


def test_answers_that_are_no_ages_are_refused(faces: Manifest) -> None:
    train = faces.usable("train")
    part = Manifest(train.frame.assign(elder="old"), train.root)
    with pytest.raises(ManifestError, match=r"the column elder does not hold ages; got: .*'old'"):
        teacher_targets(part, TrainConfig(teachers={"elder": 1.0}))
