from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import tiny
from facelage.data.manifest import Manifest, concat
from facelage.errors import ManifestError
from facelage.train.attributes import (
    UNKNOWN,
    attribute_classes,
    attribute_labels,
    attribute_losses,
)


@pytest.fixture(scope="module")
def train() -> Manifest:
    return tiny.shared_faces().usable("train")


def test_classes_are_the_values_in_alphabetical_order(train: Manifest) -> None:
    classes = attribute_classes(train, ["gender"])
    assert classes == {"gender": ("female", "male")}
    labels = attribute_labels(train, classes)
    assert labels.shape == (len(train), 1)
    named = np.array(classes["gender"])[labels[:, 0]]
    assert np.array_equal(named, train.frame["gender"])


def test_nobody_is_asked_what_is_not_known_of_them(train: Manifest) -> None:
    texts = ["", *train.frame["gender"].iloc[1:]]
    part = Manifest(train.frame.assign(gender=texts), train.root)
    # A second data set has no such column at all.
    other = Manifest(train.frame.drop(columns="gender"), train.root)
    both = concat([part, other])
    classes = attribute_classes(both, ["gender"])
    labels = attribute_labels(both, classes)[:, 0]
    assert classes["gender"] == ("female", "male")
    assert labels[0] == UNKNOWN
    assert (labels[1 : len(train)] != UNKNOWN).all()
    assert (labels[len(train) :] == UNKNOWN).all()


def test_an_attribute_without_a_column_or_a_choice_is_named(train: Manifest) -> None:
    with pytest.raises(ManifestError, match=r"no column race; expected: one of path, .*gender"):
        attribute_classes(train, ["race"])
    with pytest.raises(ManifestError, match=r"gender can't be learnt; got: male; expected"):
        attribute_classes(Manifest(train.frame.assign(gender="male"), train.root), ["gender"])
    with pytest.raises(ManifestError, match="got: no value at all"):
        attribute_classes(Manifest(train.frame.assign(gender=""), train.root), ["gender"])


@given(
    st.lists(st.integers(UNKNOWN, 2), min_size=1, max_size=9),
    st.floats(0.1, 9),
    st.floats(-5, 5),
)
def test_a_loss_is_the_weighted_cross_entropy_of_what_is_known(
    places: list[int], weight: float, lead: float
) -> None:
    labels = torch.tensor(places)[:, None]
    logits = torch.zeros(len(places), 3)
    logits[:, 0] = lead
    losses = attribute_losses([logits], labels, [weight])
    whole = math.log(math.exp(lead) + 2)
    for place, loss in zip(places, losses.tolist(), strict=True):
        wanted = 0.0 if place == UNKNOWN else whole - (lead if place == 0 else 0.0)
        assert loss == pytest.approx(weight * wanted, rel=1e-4, abs=1e-5)


def test_attributes_add_up() -> None:
    torch.manual_seed(0)
    gender, race = torch.randn(4, 2), torch.randn(4, 5)
    labels = torch.tensor([[0, 4], [1, UNKNOWN], [UNKNOWN, 2], [UNKNOWN, UNKNOWN]])
    both = attribute_losses([gender, race], labels, [1.0, 0.5])
    first = attribute_losses([gender], labels[:, :1], [1.0])
    second = attribute_losses([race], labels[:, 1:], [0.5])
    assert torch.allclose(both, first + second)
    assert both[3] == 0
    assert (attribute_losses([], labels[:, :0], []) == 0).all()
