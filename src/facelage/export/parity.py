"""Does an exported model give the ages of the model it came from?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facelage.data.align import CropSpec, normalise
from facelage.errors import ExportError
from facelage.export.growth import session_ages
from facelage.infer.session import AgeSession

if TYPE_CHECKING:
    from facelage.models.mobilenet import AgeMobileNetV2

TOLERANCE_YEARS = 1e-3


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences between two models' ages over n crops, in years."""

    n: int
    largest: float
    mean: float


def torch_ages(
    model: AgeMobileNetV2, crops: NDArray[np.uint8], crop: CropSpec, *, batch_size: int = 64
) -> NDArray[np.float64]:
    """The torch model's ages (N, years, at least 0) of crops (N x size x size x 3, RGB, uint8)."""
    return torch_answers(model, crops, crop, batch_size=batch_size)[1]


def torch_answers(
    model: AgeMobileNetV2, crops: NDArray[np.uint8], crop: CropSpec, *, batch_size: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What the torch model's neuron sees in crops (N x features), and their ages (N, years)."""
    import torch

    training, device = model.training, model.age_mean.device
    seen = np.empty((len(crops), model.head.in_features), np.float32)
    ages = np.empty(len(crops), np.float64)
    model.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(crops), batch_size):
                part = slice(start, start + batch_size)
                images = torch.from_numpy(normalise(crops[part], crop)).to(device)
                pooled = model.pooled(images)
                seen[part] = pooled.float().cpu().numpy()
                ages[part] = model.years(pooled).double().cpu().numpy()
    finally:
        model.train(training)
    return seen, np.maximum(ages, 0.0)


def check_parity(
    model: AgeMobileNetV2,
    path: Path,
    crops: NDArray[np.uint8],
    *,
    tolerance: float = TOLERANCE_YEARS,
) -> Parity:
    """Compare an exported file with its torch model on real crops.

    Parameters
    ----------
    crops:
        N x size x size x 3, RGB, uint8; 1,000 real faces make a good check.
    tolerance:
        Largest difference accepted, in years.

    Raises
    ------
    ExportError
        If any age differs by more, or there is nothing to compare.
    """
    if not len(crops):
        raise ExportError("no crops to compare the models on", got="0", expected="at least 1")
    session = AgeSession(path)
    difference = np.abs(session_ages(session, crops) - torch_ages(model, crops, session.crop))
    parity = Parity(len(crops), float(difference.max()), float(difference.mean()))
    if not parity.largest <= tolerance:
        raise ExportError(
            "the exported model's ages differ from the torch model's",
            got=f"up to {parity.largest:.4g} years on {parity.n} crops",
            expected=f"at most {tolerance:g}",
            fix="please report it, with the versions of torch and onnxruntime",
        )
    return parity
