"""Neurons beside the age's own, which learn what teachers say about the same faces."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from facelage.models.mobilenet import FEATURES, AgeMobileNetV2


class TaughtModel(nn.Module):
    """An age model with one more neuron on its pooled features for each teacher.

    The teachers' neurons shape the features in training. :meth:`folded` gives
    the plain model back, with as much of their answers in its one neuron as
    wanted: a weighted mean of linear neurons is a linear neuron.

    Parameters
    ----------
    model:
        The age model.
    teachers:
        Names of the teachers, in the order of the outputs.
    """

    def __init__(self, model: AgeMobileNetV2, teachers: Sequence[str] = ()) -> None:
        super().__init__()
        self.model = model
        self.teachers = tuple(teachers)
        self.others = nn.Linear(FEATURES, len(self.teachers)) if self.teachers else None
        if self.others is not None:
            nn.init.normal_(self.others.weight, 0.0, 0.01)
            nn.init.zeros_(self.others.bias)

    def forward(self, images: Tensor) -> Tensor:
        """N x (1 + teachers) years, the age's own neuron first."""
        pooled = self.model.pooled(images)
        scaled = self.model.head(pooled)
        if self.others is not None:
            scaled = torch.cat([scaled, self.others(pooled)], 1)
        return cast(Tensor, scaled.float() * self.model.age_std + self.model.age_mean)

    def folded(self, blend: Mapping[str, float]) -> AgeMobileNetV2:
        """A copy of the age model whose neuron holds shares of the teachers' neurons."""
        model = copy.deepcopy(self.model)
        if self.others is None:
            return model
        shares = torch.tensor([blend.get(name, 0.0) for name in self.teachers])
        with torch.no_grad():
            own = 1 - shares.sum()
            model.head.weight.mul_(own).add_(shares @ self.others.weight)
            model.head.bias.mul_(own).add_(shares @ self.others.bias)
        return model
