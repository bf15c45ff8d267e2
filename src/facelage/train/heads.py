"""Neurons beside the age's own, for training alone: teachers' answers, the age's distribution."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from facelage.data.manifest import MAX_AGE
from facelage.models.mobilenet import FEATURES, AgeMobileNetV2


class TaughtModel(nn.Module):
    """An age model with more neurons on its pooled features: one a teacher, one a year of age.

    They shape the features in training. :meth:`folded` gives the plain model
    back, with as much of the teachers' answers in its one neuron as wanted: a
    weighted mean of linear neurons is a linear neuron. The years' neurons,
    which give the age as a distribution, leave no other trace.

    Parameters
    ----------
    model:
        The age model.
    teachers:
        Names of the teachers, in the order of the outputs.
    distribution:
        Whether there is a neuron for each year of age.
    """

    def __init__(
        self, model: AgeMobileNetV2, teachers: Sequence[str] = (), *, distribution: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.teachers = tuple(teachers)
        self.others = nn.Linear(FEATURES, len(self.teachers)) if self.teachers else None
        if self.others is not None:
            nn.init.normal_(self.others.weight, 0.0, 0.01)
            nn.init.zeros_(self.others.bias)
        self.years = nn.Linear(FEATURES, int(MAX_AGE) + 1) if distribution else None
        if self.years is not None:
            # All ages alike, so that trained features are not shaken by a random head.
            nn.init.zeros_(self.years.weight)
            nn.init.zeros_(self.years.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Ages in years, N x (1 + teachers), the age's own neuron first; and N x years logits.

        There are no logits without a distribution.
        """
        pooled = self.model.pooled(images)
        scaled = self.model.head(pooled)
        if self.others is not None:
            scaled = torch.cat([scaled, self.others(pooled)], 1)
        ages = cast(Tensor, scaled.float() * self.model.age_std + self.model.age_mean)
        return ages, None if self.years is None else self.years(pooled).float()

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
