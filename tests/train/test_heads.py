from __future__ import annotations

import pytest
import torch

from facelage.data.manifest import MAX_AGE
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train.heads import TaughtModel


@pytest.fixture
def taught() -> TaughtModel:
    torch.manual_seed(0)
    return TaughtModel(AgeMobileNetV2(30.0, 12.0), ("a", "b")).eval()


@torch.no_grad()
def test_the_first_output_is_the_models_own(taught: TaughtModel) -> None:
    images = torch.randn(3, 3, 32, 32)
    ages, years, attributes, embeddings = taught(images)
    assert (years, attributes, embeddings) == (None, (), ())
    assert ages.shape == (3, 3)
    assert torch.allclose(ages[:, 0], taught.model(images))


@torch.no_grad()
@pytest.mark.parametrize("blend", [{}, {"a": 0.25}, {"a": 0.5, "b": 0.5}, {"b": 1.0}])
def test_a_folded_model_is_the_blend_of_the_neurons(
    blend: dict[str, float], taught: TaughtModel
) -> None:
    images = torch.randn(3, 3, 32, 32)
    own, a, b = taught(images)[0].T
    left = 1 - sum(blend.values())
    wanted = left * own + blend.get("a", 0) * a + blend.get("b", 0) * b
    before = taught(images)[0]
    folded = taught.folded(blend)
    assert isinstance(folded, AgeMobileNetV2)
    assert torch.allclose(folded.eval()(images), wanted, atol=1e-4)
    assert torch.equal(taught(images)[0], before)


@torch.no_grad()
def test_without_teachers_it_is_the_model_itself() -> None:
    model = AgeMobileNetV2().eval()
    taught = TaughtModel(model).eval()
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(taught(images)[0][:, 0], model(images))
    assert torch.equal(taught.folded({})(images), model(images))
    assert taught.others is None


@torch.no_grad()
def test_other_heads_begin_with_nothing_and_leave_no_trace() -> None:
    model = AgeMobileNetV2().eval()
    taught = TaughtModel(model, ("a",), distribution=True, attributes=[2, 5], embeddings=[7]).eval()
    images = torch.randn(2, 3, 32, 32)
    ages, years, attributes, embeddings = taught(images)
    assert ages.shape == (2, 2)
    assert years is not None
    heads = (years, *attributes, *embeddings)
    assert [head.shape[1] for head in heads] == [MAX_AGE + 1, 2, 5, 7]
    assert all((head == 0).all() for head in heads)
    assert torch.equal(taught.folded({})(images), model(images))
    assert taught.folded({}).state_dict().keys() == model.state_dict().keys()
