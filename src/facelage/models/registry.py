"""Architectures by name, and trained models from names or files (needs torch)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facelage.data.align import CropSpec
from facelage.errors import ConfigError, WeightsError
from facelage.files import write_bytes
from facelage.models.weights import CROP_KEY, get_weights, list_models

if TYPE_CHECKING:
    from facelage.models.mobilenet import AgeMobileNetV2

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
            "unknown architecture",
            got=repr(architecture),
            expected=", ".join(list_architectures()),
            fix="load_weights(name) gives a trained model" if architecture in list_models() else "",
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
    path = safetensors_path(name_or_path)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            state = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - no iterator
        crop = CropSpec.from_json(metadata[CROP_KEY])
        model = create_model(metadata[ARCHITECTURE_KEY])
        model.load_state_dict(state)
    except (SafetensorError, ConfigError, KeyError, RuntimeError, OSError) as error:
        missing = isinstance(error, KeyError)
        what = f"no metadata {error}" if missing else str(error).splitlines()[0]
        raise WeightsError(
            "not weights of a facelage model",
            got=f"{path}: {what}",
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
    """Write a model as safetensors, atomically, with its crop in the file's metadata.

    Equal models and metadata give equal bytes.
    """
    from safetensors.torch import save

    texts = {key: json.dumps(value) for key, value in (metadata or {}).items()}
    texts |= {CROP_KEY: crop.to_json(), ARCHITECTURE_KEY: architecture}
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_bytes(path, _sorted_metadata(save(state, metadata=texts)))


def _sorted_metadata(data: bytes) -> bytes:
    """A safetensors file's bytes with its metadata in order; the library's order is random.

    The file begins with the length of a JSON header (8 bytes, little-endian).
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def safetensors_path(name_or_path: str | os.PathLike[str] | None) -> Path:
    """The file of a name (None for the newest), of a run's folder, or itself."""
    if name_or_path is None:
        return get_weights().path("safetensors")
    path = Path(name_or_path)
    if path.is_dir():
        if not (path / "best.safetensors").is_file():
            raise WeightsError(
                "the folder holds no best.safetensors",
                got=str(path),
                expected="a run's folder with at least one finished epoch",
            )
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
    if path.suffix == ".onnx":
        raise WeightsError(
            "an ONNX file can't be loaded into torch",
            got=str(path),
            expected="a .safetensors file, a run's folder or a name",
            fix="AgePredictor.from_pretrained and facelage.evaluate take ONNX files",
        )
    return get_weights(name_or_path).path("safetensors")
