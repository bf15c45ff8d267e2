from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.samples import texture, write_textures
from facelage.data.align import CropSpec
from facelage.data.crops import CropStore
from facelage.data.images import save_image
from facelage.data.manifest import Manifest, from_records
from facelage.errors import ImageNotFoundError, ManifestError, UnreadableImageError


@pytest.fixture
def crops(tmp_path: Path) -> Manifest:
    frame = write_textures(tmp_path, 6, side=40).frame
    return Manifest(frame.assign(crop=frame["path"]), tmp_path)


def test_memory_and_disk_give_the_same_crops(crops: Manifest) -> None:
    kept, streamed = CropStore(crops), CropStore(crops, memory_gb=0)
    assert kept.in_memory
    assert not streamed.in_memory
    assert len(kept) == len(streamed) == 6
    for order in ([0], [5, 0, 3], [2, 2], np.array([4, 1])):
        batch = streamed.batch(order)
        assert batch.dtype == np.uint8
        assert np.array_equal(batch, [texture(int(index), 40) for index in order])
        assert np.array_equal(kept.batch(order), batch)


def test_batches_are_copies(crops: Manifest) -> None:
    store = CropStore(crops)
    store.batch([0, 1])[:] = 0
    assert np.array_equal(store.batch([0])[0], texture(0, 40))


def test_the_memory_limit_counts_decoded_bytes(crops: Manifest) -> None:
    needed = 6 * 40 * 40 * 3 / 1e9
    assert CropStore(crops, memory_gb=needed).in_memory
    assert not CropStore(crops, memory_gb=needed * 0.99).in_memory


@pytest.mark.parametrize("memory_gb", [0.0, 1.0])
def test_crops_of_another_size_are_named(crops: Manifest, memory_gb: float) -> None:
    save_image(crops.root / "003.png", texture(3, 41))
    with pytest.raises(ManifestError, match=r"003\.png: \(41, 41, 3\); expected: \(40, 40, 3\)"):
        CropStore(crops, memory_gb=memory_gb).batch([2, 3])


def test_missing_and_broken_crops_are_named(crops: Manifest) -> None:
    (crops.root / "004.png").write_bytes(b"")
    with pytest.raises(UnreadableImageError, match="empty"):
        CropStore(crops)
    (crops.root / "004.png").unlink()
    with pytest.raises(ImageNotFoundError, match=r"004\.png"):
        CropStore(crops)


def test_without_crops_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no crops to read"):
        CropStore(from_records([], tmp_path))
    with pytest.raises(ManifestError, match=r"row 1 has no crop.*facelage prepare"):
        CropStore(from_records([{"path": "a.png"}], tmp_path))
    with pytest.raises(ManifestError, match="points outside"):
        CropStore(from_records([{"path": "a", "crop": "../a.png"}], tmp_path))


def test_the_canonical_crop_is_the_middle_of_the_padded_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    save_image(tmp_path / "a.png", pixels)
    store = CropStore(from_records([{"path": "a", "crop": "a.png"}], tmp_path))
    assert (store.canonical([0], CropSpec(size=32))[0] == pixels[4:36, 4:36]).all()
    assert (store.canonical([0], CropSpec(size=40))[0] == pixels).all()


@pytest.mark.parametrize("shape", [(32, 40, 3), (41, 41, 3), (30, 30, 3)])
def test_crops_that_do_not_fit_are_refused(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    save_image(tmp_path / "a.png", np.zeros(shape, np.uint8))
    store = CropStore(from_records([{"path": "a", "crop": "a.png"}], tmp_path))
    with pytest.raises(ManifestError, match=f"{shape[1]} x {shape[0]} px"):
        store.canonical([0], CropSpec(size=32))
