"""Open a peer by its spec, whatever runs its network."""

from __future__ import annotations

from pathlib import Path

from facelage.evaluate.baselines import OnnxPeer, PeerSpec, load_spec
from facelage.files import sha256

HERE = Path(__file__).parent


def peer_specs() -> list[PeerSpec]:
    """The specs beside this file, by name."""
    return [load_spec(path) for path in sorted(HERE.glob("*.toml"))]


def find_weights(spec: PeerSpec, folders: list[Path]) -> Path | None:
    """The first of the folders that holds the spec's file, if any does."""
    return next((folder for folder in folders if (folder / spec.file).is_file()), None)


def weights_of(name: str, folders: list[Path]) -> tuple[PeerSpec, Path]:
    """A peer's spec and the folder that holds its file; ends the script if none does."""
    spec = load_spec(HERE / f"{name}.toml")
    folder = find_weights(spec, folders)
    if folder is None:
        raise SystemExit(f"{spec.file} is in none of the folders; see peers/README.md")
    return spec, folder


def open_peer(spec: PeerSpec, folder: Path, keras_python: Path | None) -> OnnxPeer:
    """The peer with its weights in a folder, on one thread."""
    file = folder / spec.file
    if file.suffix in (".onnx", ".xml"):
        return OnnxPeer.open(HERE / f"{spec.name}.toml", weights=folder, threads=1)
    if sha256(file) != spec.sha256:
        raise SystemExit(f"{file} is not the file that {spec.name}.toml was written for")
    if spec.name == "faceres":
        from peers.faceres import FaceResRunner

        return OnnxPeer(spec, FaceResRunner(file))
    if file.suffix == ".json":
        from peers.face_api import FaceApiRunner

        return OnnxPeer(spec, FaceApiRunner(file))
    from peers.keras_runner import KerasRunner

    if keras_python is None:
        raise SystemExit(f"{spec.name} needs --keras-python, a Python with tensorflow and tf_keras")
    return OnnxPeer(spec, KerasRunner(file, keras_python))
