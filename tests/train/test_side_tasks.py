from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny
from facelage.data.manifest import Manifest
from facelage.errors import ManifestError
from facelage.models.mobilenet import AgeMobileNetV2
from facelage.train import TrainConfig
from facelage.train.side_tasks import SideTasks


@pytest.fixture(scope="module")
def train() -> Manifest:
    train = tiny.shared_faces().usable("train")
    return Manifest(
        train.frame.assign(face=[f"{row} {row * row}" for row in range(len(train))]), train.root
    )


def answers(tasks: SideTasks, count: int) -> tuple[torch.Tensor, object]:
    model = tasks.heads_for(AgeMobileNetV2().eval()).eval()
    with torch.no_grad():
        return model(torch.randn(count, 3, 32, 32))


def test_without_tasks_nothing_costs_anything(train: Manifest) -> None:
    tasks = SideTasks(train, TrainConfig())
    said = answers(tasks, 3)
    assert (said.year_logits, said.attributes, said.embeddings) == (None, (), ())
    losses = tasks.losses(said, torch.tensor([1.0, 2.0, 3.0]), np.array([0, 1, 2]))
    assert torch.equal(losses, torch.zeros(3))


def test_tasks_add_up_by_their_weights(train: Manifest) -> None:
    rows, ages = np.array([5, 0, 3]), torch.tensor([20.0, 30.0, 40.0])
    each = {"distribution": 2.0, "attributes": {"gender": 3.0}, "embeddings": {"face": 4.0}}
    tasks = SideTasks(train, TrainConfig(**each))
    said = answers(tasks, 3)
    assert [head.shape[1] for head in (*said.attributes, *said.embeddings)] == [2, 2]
    total = tasks.losses(said, ages, rows)
    silent = said._replace(year_logits=None, attributes=(), embeddings=())
    parts = []
    for name, weight in each.items():
        head = "year_logits" if name == "distribution" else name
        alone = silent._replace(**{head: getattr(said, head)})
        parts.append(SideTasks(train, TrainConfig(**{name: weight})).losses(alone, ages, rows))
    assert all((part > 0).all() for part in parts)
    assert torch.allclose(total, sum(parts))
    # An untrained head says nothing of gender: the cross entropy is that of a coin.
    assert torch.allclose(parts[1], torch.full((3,), 3 * float(np.log(2))))


def test_every_face_is_held_to_its_own_row(train: Manifest) -> None:
    tasks = SideTasks(train, TrainConfig(embeddings={"face": 1.0}))
    said = answers(tasks, 2)
    ages = torch.zeros(2)
    one = tasks.losses(said, ages, np.array([0, 7]))
    other = tasks.losses(said, ages, np.array([7, 0]))
    assert torch.equal(one, other.flip(0))
    assert one[0] != one[1]


def test_a_task_that_is_not_in_the_manifest_is_named(train: Manifest) -> None:
    with pytest.raises(ManifestError, match="no column race"):
        SideTasks(train, TrainConfig(attributes={"race": 1.0}))
    with pytest.raises(ManifestError, match="no column voice"):
        SideTasks(train, TrainConfig(embeddings={"voice": 1.0}))


def test_a_trained_models_teachers_begin_with_what_it_knows(train: Manifest) -> None:
    model = AgeMobileNetV2(30.0, 12.0)
    torch.nn.init.constant_(model.head.bias, 1.5)
    teachers = {"a": 1.0, "b": 1.0}
    trained = SideTasks(train, TrainConfig(weights="x", teachers=teachers)).heads_for(model).others
    fresh = SideTasks(train, TrainConfig(teachers=teachers)).heads_for(model).others
    assert trained is not None
    assert fresh is not None
    for name in ("weight", "bias"):
        own = getattr(model.head, name)
        assert torch.equal(getattr(trained, name), own.expand_as(getattr(trained, name)))
        assert not torch.equal(getattr(fresh, name), own.expand_as(getattr(fresh, name)))
