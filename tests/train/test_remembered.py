"""Live teachers that are asked about each view of each face once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.errors import ConfigError
from facelage.train import TrainConfig
from facelage.train.live import LiveTeachers
from facelage.train.remembered import RememberedTeachers


class Mean(LiveTeachers):
    """Says the mean of each crop, and counts the crops."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __bool__(self) -> bool:
        return True

    def ask(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        self.count += len(images)
        means = images.mean((1, 2, 3))
        return {"elder": means, "face": torch.stack([means, -means], dim=1)}


def crops(rows: np.ndarray, views: np.ndarray, side: int) -> torch.Tensor:
    """A crop that shows its row, its view and its size."""
    shown = torch.from_numpy(rows * 100.0 + views * 10.0 + side).float()
    return shown.view(-1, 1, 1, 1).expand(-1, 3, side, side)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.sampled_from([4, 6]))))
def test_what_is_remembered_is_what_would_be_said(asked: list[tuple[int, int, int]]) -> None:
    live = Mean()
    remembered = RememberedTeachers(live, faces=5, views=3)
    for row, view, side in asked:
        rows, views = np.array([row, 0]), np.array([view, 0])
        said = remembered.ask(crops(rows, views, side), rows, views)
        for column, fresh in Mean().ask(crops(rows, views, side)).items():
            assert torch.equal(said[column], fresh)
    first = {side for _, _, side in asked}
    assert live.count <= len(set(asked)) + 2 * len(first)


def test_a_view_is_asked_about_once() -> None:
    live = Mean()
    remembered = RememberedTeachers(live, faces=4, views=2)
    rows, views = np.array([0, 1, 2, 3]), np.array([0, 1, 0, 1])
    for _ in range(3):
        remembered.ask(crops(rows, views, 4), rows, views)
    assert live.count == 4
    remembered.ask(crops(rows, 1 - views, 4), rows, 1 - views)
    assert live.count == 8


def test_without_views_everything_is_asked_anew() -> None:
    live = Mean()
    remembered = RememberedTeachers(live, faces=4, views=0)
    rows = np.arange(4)
    for _ in range(3):
        remembered.ask(crops(rows, 0 * rows, 4), rows, 0 * rows)
    assert live.count == 12


@pytest.mark.parametrize("other", [{"live_whole": False}, {"mixup": 0.5}])
def test_views_need_crops_that_come_again(other: dict[str, Any]) -> None:
    good: dict[str, Any] = {"live_views": 3, "live_whole": True}
    TrainConfig(**good)
    with pytest.raises(ConfigError, match="live_views=3"):
        TrainConfig(**(good | other))
