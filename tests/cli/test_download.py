from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def test_the_detector_comes_from_any_address_with_the_right_content(
    facelage: Callable, yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACELAGE_OFFLINE")
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path))
    done = facelage("download", "--url", yunet.as_uri())
    assert done.code == 0, done.err
    path = Path(done.out.strip())
    assert path.parent == tmp_path
    assert path.read_bytes() == yunet.read_bytes()


def test_other_content_is_refused(
    facelage: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACELAGE_OFFLINE")
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path / "cache"))
    other = tmp_path / "other.onnx"
    other.write_bytes(b"something else")
    done = facelage("download", "--url", other.as_uri())
    assert done.code == 1
    assert "not the file that was expected" in done.err


def test_offline_is_respected(facelage: Callable) -> None:
    done = facelage("download")
    assert done.code == 1
    assert "FACELAGE_OFFLINE" in done.err
