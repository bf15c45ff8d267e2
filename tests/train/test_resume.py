from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from facelage.data.manifest import Manifest
from facelage.errors import CheckpointError, WeightsError
from facelage.train import trainer

FILES = ("best.safetensors", "last.safetensors", "metrics.csv")
SETTINGS: dict[str, Any] = {"epochs": 3, "augmentation": "real"}


class InterruptedRunError(Exception):
    pass


@pytest.fixture(scope="module")
def whole(faces: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.trainer(**SETTINGS).fit(faces, tmp_path_factory.mktemp("whole")).folder


def assert_same(folder: Path, whole: Path) -> None:
    for name in FILES:
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in whole.iterdir()
    )


def break_at(
    monkeypatch: pytest.MonkeyPatch, target: Any, name: str, call: int, *, after: bool = False
) -> None:
    original, calls = getattr(target, name), 0

    def broken(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise InterruptedRunError
        result = original(*args, **options)
        if calls == call:
            raise InterruptedRunError
        return result

    monkeypatch.setattr(target, name, broken)


@pytest.mark.parametrize(
    ("target", "name", "call", "after"),
    [
        # Three steps an epoch: in the middle of epoch 1, 2 and 3.
        (trainer, "weighted_mean", 2, False),
        (trainer, "weighted_mean", 5, False),
        (trainer, "weighted_mean", 8, False),
        # Around the files that the epochs write.
        (trainer, "save_weights", 2, False),
        (trainer, "save_weights", 4, False),
        (trainer.RunLog, "epoch", 3, False),
        (trainer.RunLog, "epoch", 3, True),
        (trainer, "save_checkpoint", 1, False),
        (trainer, "save_checkpoint", 3, False),
        (trainer, "save_checkpoint", 3, True),
    ],
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    target: Any, name: str, call: int, after: bool, faces: Manifest, whole: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        break_at(monkeypatch, target, name, call, after=after)
        with pytest.raises(InterruptedRunError):
            tiny.trainer(**SETTINGS).fit(faces, tmp_path)
    result = tiny.trainer(**SETTINGS).fit(faces, tmp_path)
    assert len(result.history) == 3
    assert_same(tmp_path, whole)


@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({"ema_decay": 0.0, "balance": 0.0, "schedule": "step", "sizes": (32, 40)}, False),
        ({"frozen_norms": True, "frozen": (4, 0)}, True),  # statistics of the initial weights
    ],
)
def test_a_run_with_other_settings_resumes_too(
    changes: dict[str, Any], goes_on: bool, faces: Manifest, run: Path, tmp_path: Path
) -> None:
    settings = SETTINGS | changes | ({"weights": str(run)} if goes_on else {})
    tiny.trainer(**settings).fit(faces, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as monkeypatch:
        break_at(monkeypatch, trainer, "weighted_mean", 5)
        with pytest.raises(InterruptedRunError):
            tiny.trainer(**settings).fit(faces, tmp_path / "broken")
    tiny.trainer(**settings).fit(faces, tmp_path / "broken")
    assert_same(tmp_path / "broken", tmp_path / "whole")


def test_a_killed_process_resumes(faces: Manifest, whole: Path, tmp_path: Path) -> None:
    faces.save(faces.root / "manifest.csv")
    code = f"""
import sys, tiny
from facelage.data.manifest import Manifest
tiny.trainer(**{SETTINGS!r}).fit(Manifest.load(sys.argv[1]), sys.argv[2])
"""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, str(faces.root), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(tiny.__file__).parent)},
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "last.pt").is_file() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    assert process.wait(timeout=30) != 0, "the run ended before it could be killed"
    for leftover in tmp_path.glob(".*"):  # a file that was being written
        leftover.unlink()
    assert len(tiny.trainer(**SETTINGS).fit(faces, tmp_path).history) == 3
    assert_same(tmp_path, whole)


def test_a_resumed_run_needs_no_backbone_file(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    from facelage.models import create_model

    backbone = tmp_path / "backbone.safetensors"
    save_file(create_model().features.state_dict(), backbone)
    settings = {"backbone": str(backbone)}
    break_at(monkeypatch, trainer, "weighted_mean", 5)
    with pytest.raises(InterruptedRunError):
        tiny.trainer(**settings).fit(faces, tmp_path / "run")
    backbone.unlink()
    assert len(tiny.trainer(**settings).fit(faces, tmp_path / "run").history) == 2
    with pytest.raises(WeightsError, match="no backbone file"):
        tiny.trainer(**settings).fit(faces, tmp_path / "new")


def test_a_run_is_not_another_one(faces: Manifest, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from facelage.models import create_model

    backbones = [str(tmp_path / f"{name}.safetensors") for name in "ab"]
    for seed, name in enumerate(backbones):
        torch.manual_seed(seed)
        save_file(create_model().features.state_dict(), name)
    tiny.trainer(epochs=1).fit(faces, tmp_path / "bare")
    with pytest.raises(CheckpointError, match="other settings"):  # --backbone was forgotten
        tiny.trainer(epochs=1, backbone=backbones[0]).fit(faces, tmp_path / "bare")
    tiny.trainer(epochs=1, backbone=backbones[0]).fit(faces, tmp_path / "run")
    with pytest.raises(CheckpointError, match="other initial weights"):
        tiny.trainer(epochs=1, backbone=backbones[1]).fit(faces, tmp_path / "run")
    moved = Path(backbones[0]).rename(tmp_path / "moved.safetensors")
    for file in (moved, backbones[0]):  # the same elsewhere, and gone
        result = tiny.trainer(epochs=1, backbone=str(file)).fit(faces, tmp_path / "run")
        assert len(result.history) == 1
    for column in ("sha256", "box"):  # another photo, another detector
        other = Manifest(faces.frame.assign(**{column: "1"}), faces.root)
        with pytest.raises(CheckpointError, match="other data"):
            tiny.trainer(epochs=1, backbone=str(moved)).fit(other, tmp_path / "run")


def test_a_finished_run_without_its_state_is_not_trained_over(
    faces: Manifest, tmp_path: Path
) -> None:
    tiny.trainer(epochs=1).fit(faces, tmp_path)
    (tmp_path / "last.pt").unlink()
    best = (tmp_path / "best.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="weights of a run with other settings"):
        tiny.trainer(epochs=1, lr=1e-4).fit(faces, tmp_path)
    tiny.trainer(epochs=1).fit(faces, tmp_path)  # the same once more
    assert (tmp_path / "best.safetensors").read_bytes() == best


def test_no_thread_outlives_an_interrupted_epoch(
    faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    break_at(monkeypatch, trainer, "weighted_mean", 1)
    with pytest.raises(InterruptedRunError) as caught:
        tiny.trainer(batch_size=2).fit(faces, tmp_path)
    assert caught.tb is not None  # its frames are alive, and with them whatever they hold
    assert not [t for t in threading.enumerate() if t.name.startswith("facelage-batches")]
