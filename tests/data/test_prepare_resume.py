from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data.samples import MarkDetector, write_textures
from facelage.data.align import CropSpec
from facelage.data.manifest import Manifest
from facelage.data.prepare import PrepareConfig, prepare
from facelage.errors import ConfigError

SMALL = PrepareConfig(crop=CropSpec(size=32), pad=4)


class Interrupted(MarkDetector):
    def __init__(self, after: int) -> None:
        self.left = after

    def detect(self, image: np.ndarray) -> list:  # type: ignore[type-arg]
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().detect(image)


class Telling(MarkDetector):
    """Leaves a file named by its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def detect(self, image: np.ndarray) -> list:  # type: ignore[type-arg]
        (self.folder / str(os.getpid())).touch()
        return super().detect(image)


class Slow(MarkDetector):
    def detect(self, image: np.ndarray) -> list:  # type: ignore[type-arg]
        time.sleep(0.05)
        return super().detect(image)


def run(
    manifest: Manifest, out: Path, detector: MarkDetector | None = None, workers: int = 1
) -> None:
    prepare(
        manifest, out, SMALL, detector=detector or MarkDetector(), workers=workers, progress=False
    )


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the log, whose order is the order of the work."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != "progress.jsonl"
    }


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_textures(tmp_path_factory.mktemp("source") / "photos", 30)


@pytest.fixture(scope="module")
def expected(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    run(manifest, out)
    return contents(out)


@pytest.mark.parametrize("after", [0, 17, 29])
def test_an_interrupted_run_ends_with_the_same_files(
    after: int, manifest: Manifest, expected: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(manifest, tmp_path, Interrupted(after))
    assert not (tmp_path / "manifest.csv").exists()
    with pytest.raises(KeyboardInterrupt):
        run(manifest, tmp_path, Interrupted(0))
    second = Interrupted(30 - after)  # no image is worked on twice
    run(manifest, tmp_path, second)
    assert second.left == 0
    assert contents(tmp_path) == expected
    run(manifest, tmp_path, Interrupted(0))  # nothing is left to do
    assert contents(tmp_path) == expected


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_killed_run_ends_with_the_same_files(
    manifest: Manifest, expected: dict[str, bytes], tmp_path: Path
) -> None:
    code = (
        "from pathlib import Path\n"
        "from data.test_prepare_resume import Slow, run\n"
        "from facelage.data.manifest import Manifest\n"
        f"run(Manifest.load({str(tmp_path / 'm.csv')!r}, root={str(manifest.root)!r}), "
        f"Path({str(tmp_path / 'out')!r}), Slow())\n"
    )
    manifest.save(tmp_path / "m.csv")
    log = tmp_path / "out" / "progress.jsonl"
    tests = Path(__file__).resolve().parents[1]
    with subprocess.Popen([sys.executable, "-c", code], cwd=tests) as process:
        deadline = time.monotonic() + 120
        while not (log.is_file() and log.read_bytes().count(b"\n") >= 5):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert 5 <= log.read_bytes().count(b"\n") < 30
    run(manifest, tmp_path / "out")
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("cut", [1, 40, "garbage"])
def test_a_cut_log_loses_one_image_at_most(
    cut: int | str, manifest: Manifest, expected: dict[str, bytes], tmp_path: Path
) -> None:
    run(manifest, tmp_path)
    log = tmp_path / "progress.jsonl"
    data = log.read_bytes()
    if isinstance(cut, int):
        log.write_bytes(data[:-cut])
    else:
        log.write_bytes(data[:-300] + b"\0\xff\0")
    run(manifest, tmp_path)
    assert contents(tmp_path) == expected
    lines = log.read_text().splitlines()
    assert sorted(json.loads(line)["path"] for line in lines) == manifest.frame["path"].tolist()


def test_processes_give_the_same_as_one(tmp_path: Path) -> None:
    many = write_textures(tmp_path / "photos", 70)
    run(many, tmp_path / "one")
    (tmp_path / "processes").mkdir()
    run(many, tmp_path / "two", Telling(tmp_path / "processes"), workers=2)
    assert str(os.getpid()) not in {path.name for path in (tmp_path / "processes").iterdir()}
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.keys() == two.keys()
    assert one == two


@pytest.mark.parametrize(("column", "value"), [("group", "anna"), ("split", "test")])
def test_a_finished_folder_is_not_that_of_other_groups_or_splits(
    tmp_path: Path, column: str, value: str
) -> None:
    photos = write_textures(tmp_path / "photos", 12)
    options = {"detector": MarkDetector(), "workers": 1, "progress": False}
    prepare(photos, tmp_path / "out", SMALL, **options)
    other = photos.frame.copy()
    other.loc[:3, column] = value
    with pytest.raises(ConfigError, match="other settings or images"):
        prepare(Manifest(other, photos.root), tmp_path / "out", SMALL, **options)


def test_impossible_seeds_and_workers_are_refused_before_any_work(tmp_path: Path) -> None:
    photos = write_textures(tmp_path / "photos", 12)
    for seed in (-1, 2**32):
        with pytest.raises(ConfigError, match="seed"):
            PrepareConfig(seed=seed)
    with pytest.raises(ConfigError, match="workers"):
        prepare(photos, tmp_path / "out", SMALL, workers=0)
    assert not (tmp_path / "out").exists()
