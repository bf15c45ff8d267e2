"""Other people's age models, and none at all, to measure a model against."""

from __future__ import annotations

import os
from pathlib import Path

from facelage.errors import ConfigError
from facelage.evaluate.baselines.constant import ConstantModel
from facelage.evaluate.baselines.deepface import DeepFaceModel, DeepFaceWithDetector
from facelage.evaluate.baselines.peer import OnnxPeer
from facelage.evaluate.baselines.reading import load_spec
from facelage.evaluate.baselines.spec import PeerSpec

__all__ = [
    "ConstantModel",
    "DeepFaceModel",
    "DeepFaceWithDetector",
    "OnnxPeer",
    "PeerSpec",
    "load_spec",
    "open_baseline",
]

Baseline = ConstantModel | DeepFaceModel | DeepFaceWithDetector | OnnxPeer


def open_baseline(
    name_or_path: str | os.PathLike[str], *, weights: str | os.PathLike[str] | None = None
) -> Baseline:
    """A baseline by name, or a peer by its spec.

    Parameters
    ----------
    name_or_path:
        ``"constant-mean:33.1"`` or any ``"constant-NAME:YEARS"``;
        ``"deepface"`` for DeepFace's age model on given faces;
        ``"deepface:BACKEND"`` for it with a detector of its own;
        or a peer's spec, a ``.toml`` file (see
        :func:`facelage.evaluate.baselines.reading.load_spec`).
    weights:
        For a spec: the folder that its ``file`` is relative to; the spec's own
        folder by default.

    Raises
    ------
    ConfigError
        If there is no such baseline, or the spec is wrong.
    MissingDependencyError
        If the baseline needs a package that is not installed.
    """
    text = os.fspath(name_or_path)
    if text.endswith(".toml"):
        return OnnxPeer.open(Path(text), weights=weights)
    kind, colon, rest = text.partition(":")
    if kind == "deepface":
        return DeepFaceWithDetector(rest) if colon else DeepFaceModel()
    if kind == "constant" or kind.startswith("constant-"):
        return ConstantModel.named(text)
    raise ConfigError(
        "unknown baseline",
        got=repr(text),
        expected="constant-mean:YEARS, deepface, deepface:BACKEND or a peer's .toml",
    )
