from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
from facelage.infer.session import AgeSession


def test_the_file_says_what_it_is(facelage: Callable, tmp_path: Path) -> None:
    data, path = tmp_path / "faces", tmp_path / "mine.onnx"
    tiny.write_faces(data).save(data / "manifest.csv")
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"summary": {"mae": 4.5}}))
    done = facelage(
        "export", tiny.shared_run(), path, "--check", data, "--count", 10,
        "--licence", "mine alone", "--metrics", metrics,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.startswith("10 faces: torch and ONNX differ by at most ")
    session = AgeSession(path)
    assert session.name == "mine"
    assert session.crop == tiny.CROP
    assert json.loads(session.metadata["facelage.licence"]) == "mine alone"
    assert json.loads(session.metadata["facelage.metrics"]) == {"mae": 4.5}


@pytest.mark.parametrize("text", ["{}", "[]", "no json"])
def test_metrics_of_another_kind_are_refused(facelage: Callable, tmp_path: Path, text: str) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text(text)
    path = tmp_path / "mine.onnx"
    done = facelage("export", tiny.shared_run(), path, "--metrics", metrics)
    assert done.code == 1
    assert "metrics" in done.err
    assert not path.exists()


def test_a_failed_check_leaves_no_file(
    facelage: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facelage.errors import ExportError

    def fail(*_: object, **__: object) -> None:
        raise ExportError("they differ")

    monkeypatch.setattr("facelage.export.check_parity", fail)
    done = facelage("export", tiny.shared_run(), tmp_path / "mine.onnx")
    assert done.code == 1
    assert list(tmp_path.iterdir()) == []
