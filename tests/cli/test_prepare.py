from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data.samples import texture
from facelage.data.images import save_image
from facelage.data.manifest import Manifest


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(24):
        save_image(tmp_path / "photos" / str(20 + number) / f"{number}.png", texture(number))
    (tmp_path / "photos" / "20" / "broken.jpg").write_text("text")
    return tmp_path / "photos"


def test_photos_become_a_manifest_crops_and_a_report(
    facelage: Callable, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["prepare", photos, out, "--detector", "none", "--size", 64, "--no-progress"]
    done = facelage(*arguments, "--val", 0.2, "--test", 0.2, "--workers", 1)
    assert done.code == 0, done.err
    assert done.out.startswith("25 images, 24 kept")
    manifest = Manifest.load(out)
    assert sorted(manifest.usable().ages()) == list(range(20, 44))
    assert set(manifest.usable().frame["split"]) == {"train", "val", "test"}
    assert (manifest.frame["status"] == "unreadable").sum() == 1
    assert all(path.is_file() for path in manifest.usable().locate("crop"))
    again = facelage(*arguments, "--val", 0.3)
    assert again.code == 1
    assert "other settings" in again.err


@pytest.mark.parametrize("option", ["--group-column", "--path-column", "--age-column"])
def test_options_for_tables_are_refused_for_folders(
    option: str, facelage: Callable, photos: Path, tmp_path: Path
) -> None:
    done = facelage("prepare", photos, tmp_path / "out", option, "subject")
    assert done.code == 1
    assert f"{option} is for CSV files" in done.err


def test_a_place_that_cannot_be_written_is_named(
    facelage: Callable, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = facelage("prepare", photos, tmp_path / "file" / "out", "--detector", "none")
    assert done.code == 1
    assert str(tmp_path / "file") in done.err
    assert "Traceback" not in done.err
