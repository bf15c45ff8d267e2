"""Architectures by name, and trained models from names or files (needs torch)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facelage.data.align import CropSpec
from facelage.errors import ConfigError, WeightsError
from facelage.files import write_atomically
from facelage.models.weights import get_weights

if TYPE_CHECKING:
    from facelage.models.mobilenet import AgeMobileNetV2

CROP_KEY = "facelage.crop"
ARCHITECTURE_KEY = "facelage.architecture"


def _mobilenet_v2(**options: Any) -> AgeMobileNetV2:
    from facelage.models.mobilenet import AgeMobileNetV2

    return AgeMobileNetV2(**options)


_ARCHITECTURES: dict[str, Callable[..., AgeMobileNetV2]] = {"mobilenet_v2": _mobilenet_v2}


def list_architectures() -> list[str]:
    """Names that :func:`create_model` knows."""
    return sorted(_ARCHITECTURES)


def create_model(
    architecture: str = "mobilenet_v2",
    *,
    backbone: str | os.PathLike[str] | None = None,
    **options: Any,
) -> AgeMobileNetV2:
    """A new, untrained model.

    Parameters
    ----------
    architecture:
        One of :func:`list_architectures`.
    backbone:
        Initial weights of the features: ``"torchvision"``, a safetensors file,
        or None for random ones.
    options:
        Passed to the model's class.

    Raises
    ------
    ConfigError
        If the architecture is unknown.
    WeightsError
        If the backbone does not fit.
    """
    if architecture not in _ARCHITECTURES:
        raise ConfigError(
            "unknown architecture", got=repr(architecture), expected=", ".join(list_architectures())
        )
    model = _ARCHITECTURES[architecture](**options)
    if backbone is not None:
        from facelage.models.mobilenet import load_backbone

        load_backbone(model, backbone)
    return model


def load_weights(
    name_or_path: str | os.PathLike[str] | None = None,
) -> tuple[AgeMobileNetV2, CropSpec]:
    """A trained torch model in evaluation mode, and the crop it was trained on.

    Parameters
    ----------
    name_or_path:
        A name of :func:`facelage.models.list_models`, a ``.safetensors`` file,
        a run's folder (its best checkpoint), or None for the newest weights.

    Raises
    ------
    WeightsError
        If there is no such model, or the file is not one of facelage's.
    """
    path = _safetensors_path(name_or_path)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            state = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - no iterator
        crop = CropSpec.from_json(metadata[CROP_KEY])
        model = create_model(metadata[ARCHITECTURE_KEY])
        model.load_state_dict(state)
    except (SafetensorError, KeyError, RuntimeError, OSError) as error:
        raise WeightsError(
            "not weights of a facelage model",
            got=f"{path}: {str(error).splitlines()[0]}",
            expected="a safetensors file that facelage wrote",
        ) from error
    return model.eval(), crop


def save_weights(
    model: AgeMobileNetV2,
    path: str | os.PathLike[str],
    crop: CropSpec,
    *,
    architecture: str = "mobilenet_v2",
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write a model as safetensors, atomically, with its crop in the file's metadata."""
    from safetensors.torch import save_file

    texts = {key: json.dumps(value) for key, value in (metadata or {}).items()}
    texts |= {CROP_KEY: crop.to_json(), ARCHITECTURE_KEY: architecture}
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_atomically(path, lambda temporary: save_file(state, temporary, metadata=texts))


def _safetensors_path(name_or_path: str | os.PathLike[str] | None) -> Path:
    if name_or_path is None:
        return get_weights().path("safetensors")
    path = Path(name_or_path)
    if path.is_dir():
        return path / "best.safetensors"
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise WeightsError("there is no weights file", got=str(path))
        return path
    if path.suffix in (".pt", ".pth", ".pkl", ".bin"):
        raise WeightsError(
            "pickled weights are not loaded, since unpickling runs code",
            got=str(path),
            expected="a .safetensors file (best.safetensors in a run's folder)",
        )
    return get_weights(name_or_path).path("safetensors")
