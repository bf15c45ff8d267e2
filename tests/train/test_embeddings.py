from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tiny
from facelage.data.manifest import Manifest, concat
from facelage.errors import ManifestError
from facelage.train.embeddings import embedding_losses, embedding_targets


@pytest.fixture(scope="module")
def train() -> Manifest:
    return tiny.shared_faces().usable("train")


def texts(vectors: np.ndarray) -> list[str]:
    return [" ".join(f"{value:.4f}" for value in row) for row in vectors]


def test_components_have_mean_0_and_deviation_1_over_the_faces_that_have_them(
    train: Manifest,
) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(3, 7, (len(train), 5))
    vectors[:, 4] = 2.0  # a component that never changes is none to learn
    some = texts(vectors)
    some[1] = ""
    targets = embedding_targets(Manifest(train.frame.assign(face=some), train.root), "face")
    assert targets.dtype == np.float32
    assert np.isnan(targets[1]).all()
    rest = np.delete(targets, 1, axis=0)
    assert np.allclose(rest.mean(0), 0, atol=1e-5)
    assert np.allclose(rest.std(0), [1, 1, 1, 1, 0], atol=1e-5)
    assert np.corrcoef(rest[:, 0], np.delete(vectors[:, 0], 1))[0, 1] == pytest.approx(1)


def test_a_set_without_the_column_has_none(train: Manifest) -> None:
    part = Manifest(train.frame.assign(face=texts(np.eye(len(train)))), train.root)
    targets = embedding_targets(concat([train, part]), "face")
    assert np.isnan(targets[: len(train)]).all()
    assert np.isfinite(targets[len(train) :]).all()


@pytest.mark.parametrize("bad", ["1 2 3", "1 old", "1 nan", "1 inf"])
def test_what_is_no_embedding_is_refused(bad: str, train: Manifest) -> None:
    column = ["1 2"] * (len(train) - 1) + [bad]
    with pytest.raises(ManifestError, match="the column face does not hold embeddings; got: "):
        embedding_targets(Manifest(train.frame.assign(face=column), train.root), "face")


def test_a_column_that_is_not_there_or_empty_is_named(train: Manifest) -> None:
    with pytest.raises(ManifestError, match="got: no column face"):
        embedding_targets(train, "face")
    with pytest.raises(ManifestError, match="the column face does not hold embeddings"):
        embedding_targets(Manifest(train.frame.assign(face=""), train.root), "face")


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_loss_grows_with_the_distance_and_not_where_nothing_is_known(
    first: float, second: float
) -> None:
    given_ = torch.tensor([[first, 0.0], [second, 0.0], [first, 5.0]], requires_grad=True)
    wanted = torch.tensor([[0.0, 0.0], [0.0, 0.0], [torch.nan, torch.nan]])
    losses = embedding_losses(given_, wanted)
    one, other, none = losses.tolist()
    assert none == 0
    if abs(first) > abs(second):
        assert one >= other
    assert one == pytest.approx(float(embedding_losses(-given_.detach(), wanted)[0]))
    losses.sum().backward()
    assert given_.grad is not None
    assert torch.isfinite(given_.grad).all()
    assert (given_.grad[2] == 0).all()
