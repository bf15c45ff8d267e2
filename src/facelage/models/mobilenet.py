"""MobileNetV2 with one output neuron: the age in years."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from facelage.errors import DownloadError, WeightsError
from facelage.files import offline

FEATURES = 1280


class AgeMobileNetV2(nn.Module):
    """torchvision's MobileNetV2 features, mean pooling, dropout and one neuron.

    Parameters
    ----------
    age_mean, age_std:
        The training ages' mean and standard deviation in years. The neuron
        works in these units and the model multiplies them back, so that its
        output is in years; export folds them into the neuron.
    dropout:
        Share of pooled features dropped in training.

    Notes
    -----
    Input: N x 3 x H x W float32 from :func:`facelage.data.align.normalise`.
    Output: N float32, years.
    """

    age_mean: Tensor
    age_std: Tensor

    def __init__(self, age_mean: float = 35.0, age_std: float = 20.0, dropout: float = 0.2) -> None:
        super().__init__()
        self.features = mobilenet_v2(weights=None).features
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(FEATURES, 1)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("age_mean", torch.tensor(float(age_mean)))
        self.register_buffer("age_std", torch.tensor(float(age_std)))

    def forward(self, images: Tensor) -> Tensor:
        """Ages in years, shape (N,)."""
        return self.years(self.pooled(images))

    def pooled(self, images: Tensor, *, skip: int = 0) -> Tensor:
        """What the neuron sees: N x 1280, the features' means, with dropout in training.

        With `skip`, `images` are what the first so many blocks have made of them.
        """
        features = self.features[skip:] if skip else self.features
        return cast(Tensor, self.dropout(features(images).mean(dim=(2, 3))))

    def years(self, pooled: Tensor) -> Tensor:
        """Ages in years (N,) from what :meth:`pooled` gives."""
        scaled = self.head(pooled).squeeze(1)
        return cast(Tensor, scaled.float() * self.age_std + self.age_mean)

    def fold_scaling(self) -> AgeMobileNetV2:
        """A copy in evaluation mode whose neuron gives years by itself (mean 0, std 1)."""
        folded = copy.deepcopy(self)
        with torch.no_grad():
            folded.head.weight.mul_(self.age_std)
            folded.head.bias.mul_(self.age_std).add_(self.age_mean)
            folded.age_mean.fill_(0.0)
            folded.age_std.fill_(1.0)
        return folded.eval()


def load_backbone(
    model: AgeMobileNetV2, source: str | os.PathLike[str] | Literal["torchvision"]
) -> None:
    """Fill the features with ImageNet weights.

    Parameters
    ----------
    source:
        ``"torchvision"`` for torchvision's own (downloaded by it), or a
        safetensors file with the tensors of ``mobilenet_v2().features``, with
        or without the prefix ``features.``.

    Raises
    ------
    WeightsError
        If the file is missing or its tensors do not fit.
    DownloadError
        If torchvision's weights can't be had, or ``FACELAGE_OFFLINE`` is set and
        they are not in torch's cache.
    """
    if os.fspath(source) == "torchvision":
        model.features.load_state_dict(_torchvision_features())
        return
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(source)
    if not path.is_file():
        raise WeightsError(
            "there is no backbone file",
            got=str(path),
            expected="a safetensors file, or 'torchvision' to download ImageNet weights",
        )
    try:
        tensors = load_file(path)
        state = {name.removeprefix("features."): value for name, value in tensors.items()}
        # Weights from other frameworks lack torch's step counter, which evaluation ignores.
        own = model.features.state_dict()
        counters = {k: v for k, v in own.items() if k.endswith("num_batches_tracked")}
        model.features.load_state_dict({**counters, **state})
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(
            "the backbone file does not fit MobileNetV2's features",
            got=f"{path.name}: {' '.join(str(error).split())[:200]}",
            expected="the tensors of torchvision's mobilenet_v2().features",
        ) from error


def _torchvision_features() -> dict[str, Tensor]:
    weights = MobileNet_V2_Weights.IMAGENET1K_V2
    cached = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if offline() and not cached.is_file():
        raise DownloadError(
            "torchvision's weights are not in the cache and FACELAGE_OFFLINE is set",
            got=str(cached),
            fix=f"unset FACELAGE_OFFLINE once, or copy {weights.url} to that path",
        )
    try:
        return cast("dict[str, Tensor]", mobilenet_v2(weights=weights).features.state_dict())
    except (OSError, RuntimeError) as error:  # no connection; another hash
        raise DownloadError(
            "torchvision's weights can't be downloaded",
            got=f"{type(error).__name__} from {weights.url}",
            fix=f"check the connection, or copy the file to {cached}",
        ) from error
