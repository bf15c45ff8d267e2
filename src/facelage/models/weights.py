"""Weights entries: what a set of weights is called, where it lies and what it promises.

An entry is a JSON file beside the weights. Names are for ever: a better model
gets a new name. Nothing here needs torch.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from facelage.data.align import CropSpec
from facelage.errors import ChecksumError, WeightsError
from facelage.files import fetch, sha256, write_text

SHIPPED = Path(__file__).parent.parent / "weights"
#: Keys of a model file's metadata.
CROP_KEY = "facelage.crop"
NAME_KEY = "facelage.name"


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file of an entry: its name, sha256, size in bytes, and where to download it."""

    file: str
    sha256: str
    bytes: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """A set of weights with its promise.

    Attributes
    ----------
    name:
        ``age_prediction_X.Y.Z``.
    architecture:
        A name that :func:`facelage.models.create_model` knows.
    crop:
        The crop that the model was trained on.
    files:
        The weights by format (``onnx``, ``safetensors``).
    licence:
        Terms of use of the weights, which follow the training data's.
    training_data:
        What it was trained on, with counts.
    metrics:
        Figures by data set and split, with n and intervals.
    limits:
        Where the model is weak.
    folder:
        Where the files lie.
    """

    name: str
    architecture: str
    crop: CropSpec
    files: dict[str, WeightsFile]
    licence: str
    training_data: str
    metrics: dict[str, Any] = field(default_factory=dict)
    limits: str = ""
    folder: Path = SHIPPED

    def path(self, kind: str = "onnx") -> Path:
        """The file of a format: the one beside the entry, or else a checked download.

        Raises
        ------
        WeightsError
            If the entry has no such format, or its file is missing and has no address.
        ChecksumError
            If the file is not the one that the entry names.
        """
        if kind not in self.files:
            raise WeightsError(
                f"{self.name} has no {kind} file", got=kind, expected=" or ".join(self.files)
            )
        wanted = self.files[kind]
        local = self.folder / wanted.file
        if local.is_file():
            _check(local, wanted.sha256, local.stat().st_mtime_ns, local.stat().st_size)
            return local
        if not wanted.url:
            raise WeightsError(
                "the weights file is missing",
                got=str(local),
                fix="install facelage again; its wheel carries the file",
            )
        return fetch(wanted.url, wanted.sha256, name=wanted.file)

    def to_json(self) -> str:
        """The entry as the JSON text that :func:`read_entry` reads."""
        plain = {
            "name": self.name,
            "architecture": self.architecture,
            "crop": json.loads(self.crop.to_json()),
            "files": {
                kind: {"file": f.file, "sha256": f.sha256, "bytes": f.bytes, "url": f.url}
                for kind, f in self.files.items()
            },
            "licence": self.licence,
            "training_data": self.training_data,
            "metrics": self.metrics,
            "limits": self.limits,
        }
        return json.dumps(plain, indent=2) + "\n"

    def save(self) -> Path:
        """Write the entry into its folder, atomically; returns the file."""
        path = self.folder / f"{self.name}.json"
        write_text(path, self.to_json())
        return path


@lru_cache(maxsize=64)
def _check(path: Path, expected: str, _modified: int, _size: int) -> None:
    found = sha256(path)
    if found != expected:
        raise ChecksumError(
            "the weights file is not the one its entry names",
            got=f"{path.name} with sha256 {found[:16]}...",
            expected=f"{expected[:16]}...",
            fix="install facelage again, or get the file again",
        )


def describe_file(path: Path, url: str = "") -> WeightsFile:
    """The entry of an existing file."""
    return WeightsFile(path.name, sha256(path), path.stat().st_size, url)


def read_entry(path: str | os.PathLike[str]) -> WeightsEntry:
    """Read an entry's JSON file.

    Raises
    ------
    WeightsError
        If the file is missing or is not an entry.
    """
    path = Path(path)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return WeightsEntry(
            name=plain["name"],
            architecture=plain["architecture"],
            crop=CropSpec.from_json(json.dumps(plain["crop"])),
            files={kind: _file(values) for kind, values in plain["files"].items()},
            licence=plain["licence"],
            training_data=plain["training_data"],
            metrics=plain.get("metrics", {}),
            limits=plain.get("limits", ""),
            folder=path.parent,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError("the weights entry can't be read", got=f"{path}: {error}") from error


def _file(values: dict[str, Any]) -> WeightsFile:
    file = WeightsFile(**values)
    if file.file in ("", ".", "..") or "/" in file.file or "\\" in file.file:
        raise ValueError(f"{file.file!r} is not a bare file name")
    return file


def list_models() -> list[str]:
    """Names of the weights that this installation knows, oldest first."""
    names = [path.stem for path in SHIPPED.glob("age_prediction_*.json")]
    return sorted(names, key=_version_key)


def get_weights(name: str | os.PathLike[str] | None = None) -> WeightsEntry:
    """The entry called `name`, or of an entry's JSON file; the newest by default.

    Raises
    ------
    WeightsError
        If there is none.
    """
    names = list_models()
    if name is None:
        plain = [known for known in names if _is_plain(known)]
        if not plain:
            raise WeightsError(
                "no weights are installed", got=str(SHIPPED), fix="install facelage again"
            )
        return read_entry(SHIPPED / f"{plain[-1]}.json")
    text = os.fspath(name)
    if text.endswith(".json"):
        return read_entry(text)
    if text in names:
        return read_entry(SHIPPED / f"{text}.json")
    raise WeightsError(
        "unknown weights", got=repr(text), expected=", ".join(names) or "the path of a model file"
    )


def _version_key(name: str) -> tuple[list[int], str]:
    version, _, variant = name.removeprefix("age_prediction_").partition("-")
    return [int(part) for part in version.split(".") if part.isdigit()], variant


def _is_plain(name: str) -> bool:
    return "-" not in name
