from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facelage.data.images import IMAGE_SUFFIXES, list_images, load_image, save_image
from facelage.errors import ImageNotFoundError, InvalidArrayError


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tiff"])
def test_saved_images_come_back(suffix: str, picture: np.ndarray, tmp_path: Path) -> None:
    save_image(tmp_path / f"photo{suffix}", picture)
    assert np.array_equal(load_image(tmp_path / f"photo{suffix}"), picture)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_quality_trades_size_for_likeness(suffix: str, picture: np.ndarray, tmp_path: Path) -> None:
    errors, sizes = [], []
    for quality in (20, 95):
        path = tmp_path / f"{quality}{suffix}"
        save_image(path, picture, quality=quality)
        errors.append(np.abs(load_image(path).astype(int) - picture).mean())
        sizes.append(path.stat().st_size)
    assert errors[1] < errors[0] < 10
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("name", ["photo.txt", "photo", "photo.heic"])
def test_unknown_suffixes_are_refused(name: str, picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidArrayError, match=r"\.png"):
        save_image(tmp_path / name, picture)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3), np.int64)],
)
def test_only_images_are_saved(array: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidArrayError, match="image"):
        save_image(tmp_path / "photo.png", array)
    assert list(tmp_path.iterdir()) == []


def test_images_are_listed_at_any_depth_in_one_order(tmp_path: Path) -> None:
    names = ["b.jpg", "a/z.PNG", "a/b/c.webp", "a b.jpeg", "ü.tif", ".hidden.jpg", ".git/x.png"]
    for name in [*names, "notes.txt", "a/data.csv"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["a b.jpeg", "a/b/c.webp", "a/z.PNG", "b.jpg", "ü.tif"]
    assert found == sorted(found)


def test_a_hidden_folder_above_does_not_hide_the_images(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.jpg").touch()
    assert list_images(tmp_path / ".cache") == [tmp_path / ".cache" / "a.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege on Windows")
def test_a_broken_link_is_listed_so_that_it_gets_a_status(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    assert list_images(tmp_path) == [tmp_path / "gone.jpg"]


def test_folders_without_images_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageNotFoundError, match=r"holds no image.*\.webp"):
        list_images(tmp_path)
    with pytest.raises(ImageNotFoundError, match="no such folder"):
        list_images(tmp_path / "absent")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ImageNotFoundError, match="no such folder"):
        list_images(tmp_path / "a.jpg")


def test_all_suffixes_can_be_written(picture: np.ndarray, tmp_path: Path) -> None:
    for suffix in IMAGE_SUFFIXES - {".gif"}:  # OpenCV writes GIF from 4.11 on
        save_image(tmp_path / f"photo{suffix}", picture)
        assert load_image(tmp_path / f"photo{suffix}").shape == picture.shape
