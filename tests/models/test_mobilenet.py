from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

import tiny
from facelage.errors import DownloadError, WeightsError
from facelage.models import create_model, mobilenet
from facelage.models.mobilenet import AgeMobileNetV2, load_backbone


@pytest.fixture(scope="module")
def model() -> AgeMobileNetV2:
    return tiny.lively_model(age_mean=33.5, age_std=21.0)


def images(count: int = 3, size: int = 32) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("size", [32, 48, 64])
def test_the_output_is_one_age_a_face(count: int, size: int, model: AgeMobileNetV2) -> None:
    with torch.no_grad():
        ages = model(images(count, size))
    assert ages.shape == (count,)
    assert ages.dtype == torch.float32


def test_a_new_model_says_the_mean_age_in_years() -> None:
    fresh = AgeMobileNetV2(age_mean=40.0, age_std=10.0).eval()
    with torch.no_grad():
        assert torch.allclose(fresh(images()), torch.tensor(40.0), atol=10)
        fresh.head.weight.zero_()
        fresh.head.bias.fill_(1.5)
        assert torch.equal(fresh(images()), torch.full((3,), 55.0))


def test_folding_the_scaling_keeps_the_ages(model: AgeMobileNetV2) -> None:
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = model.fold_scaling()
    with torch.no_grad():
        wanted, found = model(images(8)), folded(images(8))
        pooled = folded.features(images(8)).mean((2, 3))
        neuron = folded.head(pooled).squeeze(1)
    assert wanted.std() > 1
    assert torch.allclose(found, wanted, atol=1e-4)
    assert torch.allclose(neuron, wanted, atol=1e-4)
    assert (float(folded.age_mean), float(folded.age_std)) == (0.0, 1.0)
    assert not folded.training
    after = model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_folding_draws_no_random_numbers(model: AgeMobileNetV2) -> None:
    state = torch.get_rng_state()
    model.fold_scaling()
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_works_in_training_only() -> None:
    model = tiny.lively_model(dropout=0.5)
    with torch.no_grad():
        assert torch.equal(model(images()), model(images()))
        model.dropout.train()
        assert not torch.equal(model(images()), model(images()))


@pytest.mark.parametrize("prefix", ["", "features."])
@pytest.mark.parametrize("counters", [True, False])
def test_a_backbone_file_fills_the_features(
    prefix: str, counters: bool, model: AgeMobileNetV2, tmp_path: Path
) -> None:
    path = tmp_path / "backbone.safetensors"
    tensors = {
        prefix + key: value
        for key, value in model.features.state_dict().items()
        if counters or not key.endswith("num_batches_tracked")
    }
    save_file(tensors, path)
    for source in (path, str(path)):
        filled = create_model(backbone=source)
        state = filled.features.state_dict()
        assert all(torch.equal(v, state[k.removeprefix(prefix)]) for k, v in tensors.items())


def test_the_imagenet_backbone_of_shared_fits(shared: Path) -> None:
    path = shared / "models/mobilenet_v2_imagenet_features.safetensors"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    model = create_model(backbone=path).eval()
    with torch.no_grad():
        pooled = model.features(images(2, 64)).mean((2, 3))
    assert pooled.shape == (2, mobilenet.FEATURES)
    assert pooled.isfinite().all()
    assert not torch.allclose(pooled[0], pooled[1])


def one_missing(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value for key, value in state.items() if key != "0.0.weight"}


def one_more(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return state | {"19.weight": torch.zeros(1)}


def other_shape(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return state | {"0.0.weight": torch.zeros(16, 3, 3, 3)}


@pytest.mark.parametrize(
    ("change", "clue"), [(one_missing, "0.0.weight"), (one_more, "19.weight"), (other_shape, "16")]
)
def test_a_backbone_that_does_not_fit_is_refused(
    change: object, clue: str, model: AgeMobileNetV2, tmp_path: Path
) -> None:
    save_file(change(model.features.state_dict()), tmp_path / "b.safetensors")  # type: ignore[operator]
    with pytest.raises(WeightsError, match=rf"does not fit.*{clue}"):
        create_model(backbone=tmp_path / "b.safetensors")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    with pytest.raises(WeightsError, match="no backbone file"):
        create_model(backbone=path)
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(WeightsError, match="does not fit"):
        create_model(backbone=path)


def test_torchvisions_weights_are_not_fetched_offline(
    model: AgeMobileNetV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(mobilenet, "mobilenet_v2", None)  # would fail if it were called
    with pytest.raises(DownloadError, match="FACELAGE_OFFLINE is set"):
        load_backbone(model, "torchvision")


def test_no_connection_is_a_named_error(
    model: AgeMobileNetV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_connection(**_: object) -> None:
        raise URLError("no route to host")

    monkeypatch.delenv("FACELAGE_OFFLINE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(mobilenet, "mobilenet_v2", no_connection)
    with pytest.raises(DownloadError, match="can't be downloaded; got: URLError"):
        load_backbone(model, "torchvision")


def test_torchvisions_weights_come_from_its_cache(
    model: AgeMobileNetV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

    weights = MobileNet_V2_Weights.IMAGENET1K_V2
    cached = tmp_path / "checkpoints" / weights.url.rpartition("/")[2]
    cached.parent.mkdir()
    cached.touch()
    other = mobilenet_v2()
    monkeypatch.setenv("FACELAGE_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(mobilenet, "mobilenet_v2", lambda weights: other)
    filled = AgeMobileNetV2()
    load_backbone(filled, "torchvision")
    assert torch.equal(filled.features[0][0].weight, other.features[0][0].weight)
