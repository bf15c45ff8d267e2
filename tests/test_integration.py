"""The whole path on 300 real photos, through the command line, killed at every step."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facelage.data.manifest import Manifest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

COUNT = 300


@pytest.fixture(scope="module")
def photos(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 faces of UTKFace, and with them a broken file, an empty one and a copy."""
    folder = tmp_path_factory.mktemp("photos")
    names = sorted(path.name for path in (shared / "data" / "utkface").iterdir())
    for index in np.random.default_rng(0).permutation(len(names))[:COUNT]:
        shutil.copy(shared / "data" / "utkface" / names[index], folder)
    (folder / "30_0_0_20170101000000000.jpg").write_text("this is text")
    (folder / "31_0_0_20170101000000000.jpg").write_bytes(b"")
    first = min(folder.glob("*.webp"))
    shutil.copy(first, folder / "99_1_1_copy.webp")
    return folder


def facelage(
    yunet: Path, *arguments: object, kill_when: Callable[[], bool] | None = None, code: int = 0
) -> str:
    """Run the command line; with `kill_when`, kill it without warning as soon as that is true."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from facelage.cli.main import main; main()", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FACELAGE_YUNET": str(yunet)},
        start_new_session=True,
    )
    if kill_when is not None:
        while process.poll() is None and not kill_when():
            time.sleep(0.01)
        assert process.poll() is None, f"it ended before it could be killed: {arguments}"
        os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.communicate()
        return ""
    out, err = process.communicate(timeout=600)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return out


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def walk(
    photos: Path, yunet: Path, backbone: Path, folder: Path, *, killed: bool
) -> dict[str, bytes]:
    """Every step once, or killed midway and started again; the files it leaves."""
    data, run, onnx = folder / "data", folder / "run", folder / "model.onnx"
    steps: list[tuple[list[object], Callable[[], bool]]] = [
        (
            ["prepare", photos, data, "--val", 0.15, "--test", 0.15, "--size", 64],
            lambda: lines(data / "progress.jsonl") > 60,
        ),
        (
            ["train", data, "--run", run, "--backbone", backbone, "--epochs", 6, "--lr", 1e-3,
             "--batch-size", 32, "--ema-decay", 0.9, "--threads", 1],
            lambda: lines(run / "metrics.csv") > 1,
        ),
        (
            # Figures are in memory, their files are about to appear.
            ["evaluate", run, data, "--out", folder / "evaluation", "--rounds", 200],
            lambda: (folder / "evaluation").exists(),
        ),
        (
            ["export", run, onnx, "--check", data, "--name", "mine"],
            lambda: any(folder.glob(".*.onnx")),  # written, not yet checked and named
        ),
    ]  # fmt: skip
    for arguments, midway in steps:
        if arguments[0] != "export":
            arguments = [*arguments, "--no-progress"]
        if killed:
            facelage(yunet, *arguments, kill_when=midway)
        facelage(yunet, *arguments)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        # last.pt is a zip with times in it; the order of progress.jsonl is the workers'.
        # A killed process leaves its temporary file, hidden and without a final name.
        if path.is_file()
        and path.name not in ("last.pt", "progress.jsonl")
        and not path.name.startswith(".")
    }


def test_the_whole_path_gives_the_same_when_killed_at_every_step(
    photos: Path, yunet: Path, shared: Path, tmp_path: Path
) -> None:
    backbone = shared / "models" / "mobilenet_v2_imagenet_features.safetensors"
    started = time.monotonic()
    straight = walk(photos, yunet, backbone, tmp_path / "straight", killed=False)
    assert time.monotonic() - started < 300  # the bound; some 40 s on two idle cores
    killed = walk(photos, yunet, backbone, tmp_path / "killed", killed=True)
    assert straight.keys() == killed.keys()
    assert [name for name in straight if straight[name] != killed[name]] == []

    manifest = Manifest.load(tmp_path / "straight" / "data")
    assert len(manifest) == COUNT + 3
    counts = manifest.frame["status"].value_counts()
    assert counts["unreadable"] == 2
    assert counts["exact_duplicate"] >= 1
    assert counts["ok"] > 0.95 * COUNT
    figures = json.loads(straight["evaluation/metrics.json"])
    assert figures["summary"]["n"] == len(manifest.usable("test"))

    model = tmp_path / "straight" / "model.onnx"
    printed = facelage(
        yunet, "predict", photos, "--model", model, "--format", "json", "--no-progress", code=3
    )
    results = json.loads(printed)
    assert len(results) == COUNT + 3
    assert sum(item["status"] == "unreadable" for item in results) == 2
    faces = [item["faces"][0] for item in results if item["faces"]]
    assert len(faces) > 0.95 * COUNT
    assert {face["model"] for face in faces} == {"mine"}
    # Six epochs on 200 faces beat telling everybody the mean age by far.
    train = manifest.usable("train").ages()
    true = manifest.usable("test").ages()
    assert figures["summary"]["mae"] < np.abs(true - train.mean()).mean()
