"""Neurons beside the age's own, for training alone: what teachers say, and what else is known."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from facelage.data.manifest import MAX_AGE
from facelage.models.mobilenet import FEATURES, AgeMobileNetV2


class Answers(NamedTuple):
    """What a :class:`TaughtModel` says of N faces.

    Attributes
    ----------
    ages:
        Years, N x (1 + teachers), the age's own neuron first.
    year_logits:
        N x years; None without a distribution.
    attributes:
        Logits, N x classes, for each attribute.
    embeddings:
        Standardised components, N x D, for each embedding.
    """

    ages: Tensor
    year_logits: Tensor | None
    attributes: tuple[Tensor, ...]
    embeddings: tuple[Tensor, ...]


class TaughtModel(nn.Module):
    """An age model with more neurons on its pooled features.

    One for each teacher, each year of age, each class of an attribute, each component of an
    embedding.

    They shape the features in training. :meth:`folded` gives the plain model
    back, with as much of the teachers' answers in its one neuron as wanted: a
    weighted mean of linear neurons is a linear neuron. The neurons of years, which give
    the age as a distribution, of attributes and of embeddings leave no other trace.

    Parameters
    ----------
    model:
        The age model.
    teachers:
        Names of the teachers, in the order of the outputs.
    distribution:
        Whether there is a neuron for each year of age.
    attributes:
        Number of classes, one an attribute.
    embeddings:
        Number of components, one an embedding.
    """

    def __init__(
        self,
        model: AgeMobileNetV2,
        teachers: Sequence[str] = (),
        *,
        distribution: bool = False,
        attributes: Sequence[int] = (),
        embeddings: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.model = model
        self.teachers = tuple(teachers)
        self.others = nn.Linear(FEATURES, len(self.teachers)) if self.teachers else None
        if self.others is not None:
            nn.init.normal_(self.others.weight, 0.0, 0.01)
            nn.init.zeros_(self.others.bias)
        self.years = _silent(int(MAX_AGE) + 1) if distribution else None
        self.attributes = nn.ModuleList(_silent(classes) for classes in attributes)
        self.embeddings = nn.ModuleList(_silent(components) for components in embeddings)

    def forward(self, images: Tensor, *, skip: int = 0) -> Answers:
        """Ages and logits of N x 3 x S x S normalised crops.

        With `skip`, of what the network's first so many blocks have made of them.
        """
        pooled = self.model.pooled(images, skip=skip)
        scaled = self.model.head(pooled)
        if self.others is not None:
            scaled = torch.cat([scaled, self.others(pooled)], 1)
        ages = cast(Tensor, scaled.float() * self.model.age_std + self.model.age_mean)
        years = None if self.years is None else self.years(pooled).float()
        attributes, embeddings = (
            tuple(head(pooled).float() for head in heads)
            for heads in (self.attributes, self.embeddings)
        )
        return Answers(ages, years, attributes, embeddings)

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


def _silent(outputs: int) -> nn.Linear:
    """A head that begins with zeros: a random one would shake trained features."""
    head = nn.Linear(FEATURES, outputs)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
