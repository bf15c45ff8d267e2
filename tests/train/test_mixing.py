from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facelage.train.mixing import mix_similar


def images_of(ages: torch.Tensor) -> torch.Tensor:
    """One number an image: the age, so that a blend of images can be read off."""
    return ages[:, None, None, None].expand(-1, 3, 2, 2)


@given(
    ages=st.lists(st.floats(0, 100, width=32), min_size=2, max_size=20),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_images_and_targets_are_blended_alike(ages: list[float], share: float, seed: int) -> None:
    labels = torch.tensor(ages)
    targets = torch.stack([labels, labels], 1)
    views = [images_of(labels), images_of(-2 * labels)]
    [mixed, other], wanted = mix_similar(views, targets, share, np.random.default_rng(seed))
    assert torch.allclose(mixed[:, 0, 0, 0], wanted[:, 0])
    assert torch.allclose(other, -2 * mixed, atol=1e-4)
    assert torch.equal(wanted[:, 0], wanted[:, 1])
    # Nobody is younger than the youngest or older than the oldest, and each is half itself.
    assert wanted.min() >= labels.min() - 1e-3
    assert wanted.max() <= labels.max() + 1e-3
    assert ((wanted[:, 0] - labels).abs() <= (labels.max() - labels.min()) / 2 + 1e-3).all()


def test_no_share_changes_nothing() -> None:
    labels = torch.arange(10.0)
    [mixed], wanted = mix_similar(
        [images_of(labels)], labels[:, None], 0.0, np.random.default_rng(0)
    )
    assert torch.equal(mixed, images_of(labels))
    assert torch.equal(wanted, labels[:, None])


def test_partners_are_of_a_similar_age() -> None:
    labels = torch.tensor([5.0, 6.0, 60.0, 61.0] * 50)
    _, wanted = mix_similar([images_of(labels)], labels[:, None], 1.0, np.random.default_rng(0))
    assert (wanted[:, 0] - labels).abs().max() <= 0.5
    assert (wanted[:, 0] != labels).float().mean() > 0.2


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_the_share_is_the_share_of_blended_faces(share: float) -> None:
    labels = torch.from_numpy(np.random.default_rng(1).uniform(0, 90, 4000).astype(np.float32))
    _, wanted = mix_similar([images_of(labels)], labels[:, None], share, np.random.default_rng(0))
    assert (wanted[:, 0] != labels).float().mean().item() == pytest.approx(share, abs=0.03)


def test_an_unknown_answer_stays_unknown() -> None:
    targets = torch.tensor([[20.0, torch.nan], [21.0, 30.0], [22.0, 31.0]])
    _, wanted = mix_similar([images_of(targets[:, 0])], targets, 1.0, np.random.default_rng(0))
    assert wanted[0, 1].isnan()
    assert wanted[:, 0].isfinite().all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_no_answer_is_lost_to_a_partner_without_one(share: float) -> None:
    labels = torch.linspace(20, 40, 40)
    answers = torch.where(torch.arange(40) % 2 == 0, labels, torch.nan)
    targets = torch.stack([labels, answers], 1)
    [mixed], wanted = mix_similar([images_of(labels)], targets, share, np.random.default_rng(1))
    assert torch.equal(wanted.isnan(), targets.isnan())
    known = ~wanted[:, 1].isnan()
    assert torch.equal(wanted[known, 1], wanted[known, 0])
    assert torch.allclose(mixed[:, 0, 0, 0], wanted[:, 0])
