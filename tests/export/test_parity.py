from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from facelage.data.align import normalise
from facelage.errors import ExportError
from facelage.export import check_parity
from facelage.export.parity import torch_ages
from facelage.models import load_weights


@pytest.mark.parametrize("shift", [0.002, 3.0, float("nan")])
def test_a_model_that_differs_is_refused(shift: float) -> None:
    model, _ = load_weights(tiny.shared_run())
    with torch.no_grad():
        model.head.bias += shift / model.age_std
    with pytest.raises(ExportError, match=r"differ from the torch model's; got: up to .* 8 crops"):
        check_parity(model, tiny.shared_onnx(), tiny.noise_crops(8))


def test_the_tolerance_is_the_callers() -> None:
    model, _ = load_weights(tiny.shared_run())
    with torch.no_grad():
        model.head.bias += 0.5 / model.age_std
    parity = check_parity(model, tiny.shared_onnx(), tiny.noise_crops(8), tolerance=0.6)
    assert parity.largest == pytest.approx(0.5, abs=1e-3)
    assert parity.mean == pytest.approx(0.5, abs=1e-3)


def test_nothing_to_compare_is_a_named_error() -> None:
    model, _ = load_weights(tiny.shared_run())
    with pytest.raises(ExportError, match="no crops"):
        check_parity(model, tiny.shared_onnx(), tiny.noise_crops(0))


def test_torch_ages_are_the_models_output_in_evaluation_mode() -> None:
    model, crops = tiny.lively_model(dropout=0.5), tiny.noise_crops(7)
    with torch.no_grad():
        wanted = model(torch.from_numpy(normalise(crops, tiny.CROP))).double().numpy()
    model.train()
    for batch_size in (1, 3, 64):
        found = torch_ages(model, crops, tiny.CROP, batch_size=batch_size)
        assert found.dtype == np.float64
        assert np.allclose(found, np.maximum(wanted, 0), atol=1e-4)
    assert model.training
    assert torch_ages(model, crops[:0], tiny.CROP).shape == (0,)


def test_no_age_is_negative() -> None:
    model = tiny.lively_model(age_mean=-500.0)
    assert np.array_equal(torch_ages(model, tiny.noise_crops(2), tiny.CROP), [0, 0])


def test_the_shipped_weights_agree_on_real_crops(shared: Path) -> None:
    from facelage.data.align import fit_crop
    from facelage.data.images import load_image
    from facelage.models import get_weights

    entry = get_weights()
    files = sorted((shared / "data/utkface").glob("*.webp"))[::160]
    crops = np.stack([fit_crop(load_image(path), entry.crop) for path in files])
    model, crop = load_weights(entry.name)
    assert crop == entry.crop
    assert check_parity(model, entry.path("onnx"), crops).n == len(files) > 100
