from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from skimage import data

SHARED = Path(__file__).resolve().parents[2] / "shared"

# The same examples on every run and machine: a red test is red for everyone.
settings.register_profile("facelage", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("facelage")


@pytest.fixture(scope="session", autouse=True)
def no_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache, no downloads, and no connection but to this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise AssertionError(f"a test wants to connect to {address}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACELAGE_OFFLINE", "1")
        patch.setenv("FACELAGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("FACELAGE_YUNET", raising=False)
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data sets and models beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared, the data beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def yunet(shared: Path) -> Path:
    return shared / "models" / "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """Eileen Collins, 512 x 512 RGB, public domain; her face is about 90 px wide."""
    picture = np.ascontiguousarray(data.astronaut())
    picture.setflags(write=False)
    return picture


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The factors by which the photos of a test are reduced when they are decoded."""
    from facelage.data import photo

    factors: list[int] = []
    original = photo.decode_checked

    def spy(data: bytes, header: Any, reduction: int = 1) -> Any:
        factors.append(reduction)
        return original(data, header, reduction)

    monkeypatch.setattr(photo, "decode_checked", spy)
    return factors
