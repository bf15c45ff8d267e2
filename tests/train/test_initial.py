from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from facelage.data.align import CropSpec
from facelage.data.manifest import Manifest
from facelage.errors import ConfigError, WeightsError
from facelage.models import load_weights
from facelage.models.registry import save_weights
from facelage.train.initial import new_model

AGES = np.array([20.0, 40.0, 60.0])


@torch.no_grad()
def test_frozen_norms_want_initial_weights(run: Path) -> None:
    with pytest.raises(ConfigError, match="neither trained weights nor a backbone"):
        new_model(tiny.config(frozen_norms=True), tiny.CROP, AGES)
    new_model(tiny.config(frozen_norms=True, weights=str(run)), tiny.CROP, AGES)


def test_trained_weights_give_their_ages_at_once(run: Path) -> None:
    trained, crop = load_weights(run)
    model = new_model(tiny.config(weights=str(run)), crop, AGES).eval()
    images = torch.randn(3, 3, 32, 32)
    assert torch.equal(model(images), trained(images))


def test_a_new_model_begins_with_the_mean_age() -> None:
    model = new_model(tiny.config(), tiny.CROP, AGES)
    assert float(model.age_mean) == 40
    assert float(model.age_std) == pytest.approx(float(np.std(AGES)))


def test_the_dropout_is_the_configs(run: Path) -> None:
    model = new_model(tiny.config(weights=str(run), dropout=0.5), tiny.CROP, AGES)
    assert model.dropout.p == 0.5


def test_another_crop_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match="another crop"):
        new_model(tiny.config(weights=str(run)), CropSpec(size=48), AGES)


def test_missing_weights_are_named_but_not_needed_to_go_on(tmp_path: Path) -> None:
    config = tiny.config(weights=str(tmp_path / "none.safetensors"))
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        new_model(config, tiny.CROP, AGES)
    assert new_model(config, tiny.CROP, AGES, resumed=True)


def test_a_run_goes_on_from_another(run: Path, faces: Manifest, tmp_path: Path) -> None:
    trained, crop = load_weights(run)
    with torch.no_grad():  # a model that no short run from random weights could reach
        trained.head.weight.zero_()
        trained.head.bias.fill_(50.0)
    save_weights(trained, tmp_path / "start.safetensors", crop)
    config = {"weights": str(tmp_path / "start.safetensors"), "lr": 1e-9, "epochs": 1}
    done = tiny.trainer(**config).fit(faces, tmp_path / "run")
    model, _ = load_weights(done.folder)
    assert float(model.head.bias.detach()) == pytest.approx(50.0, abs=1e-3)
