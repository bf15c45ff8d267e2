from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import tiny
from facelage.data.align import CropSpec, normalise
from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.train import augment
from facelage.train.batches import Batch, epoch_batches, to_input

ODD = CropSpec(size=32, mean=(0.1, 0.5, 0.9), std=(0.3, 1.0, 0.01))


@pytest.fixture(scope="module")
def store(faces: Manifest) -> CropStore:
    return CropStore(faces.usable("train"))


def batches(store: CropStore, order: np.ndarray, **changes: Any) -> list[Batch]:
    options: dict[str, Any] = {"batch_size": 5, "size": 32, "level": "real", "seed": (1, 2)}
    numbers = np.arange(len(store), dtype=np.float32)
    targets = np.column_stack([numbers, numbers + 0.5])
    return list(epoch_batches(store, order, targets, numbers / 10, tiny.CROP, **options | changes))


@pytest.mark.parametrize("crop", [tiny.CROP, ODD, CropSpec()])
def test_the_input_is_what_inference_feeds(crop: CropSpec) -> None:
    crops = tiny.noise_crops(3, crop.size)
    images = to_input(crops, crop)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(images.numpy(), normalise(crops, crop))


def test_every_face_comes_once_in_order(store: CropStore) -> None:
    order = np.random.default_rng(0).permutation(24)
    found = batches(store, order)
    assert [len(batch.rows) for batch in found] == [5, 5, 5, 5, 4]
    rows = np.concatenate([batch.rows for batch in found])
    assert np.array_equal(rows, order)
    targets = torch.cat([batch.targets for batch in found]).numpy()
    assert np.array_equal(targets, np.column_stack([rows, rows + 0.5]))
    weights = torch.cat([batch.weights for batch in found]).numpy()
    assert np.array_equal(weights, (rows / 10).astype(np.float32))
    assert {tuple(batch.images.shape[1:]) for batch in found} == {(3, 32, 32)}


@pytest.mark.parametrize(("count", "sizes"), [(11, [5, 5]), (12, [5, 5, 2]), (5, [5]), (1, [])])
def test_a_last_batch_of_one_is_left_out(count: int, sizes: list[int], store: CropStore) -> None:
    assert [len(batch.rows) for batch in batches(store, np.arange(count))] == sizes


def test_plain_batches_are_the_canonical_crops(store: CropStore) -> None:
    [batch] = batches(store, np.arange(24), batch_size=24, level="none")
    crops = store.batch(np.arange(24))[:, 4:-4, 4:-4]
    assert torch.equal(batch.images, to_input(np.ascontiguousarray(crops), tiny.CROP))


def test_augmentation_does_not_depend_on_the_batch_size(store: CropStore) -> None:
    order = np.arange(24)
    images = [
        torch.cat([batch.images for batch in batches(store, order, batch_size=size)])
        for size in (2, 6, 24)
    ]
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_seed_and_epoch_change_the_augmentation(store: CropStore) -> None:
    order = np.arange(24)
    first, *others = (
        torch.cat([batch.images for batch in batches(store, order, seed=seed)])
        for seed in ((1, 2), (1, 3), (2, 2))
    )
    assert all(not torch.equal(first, other) for other in others)


def test_a_face_drawn_twice_is_augmented_twice(store: CropStore) -> None:
    [batch] = batches(store, np.array([3, 3]))
    assert not torch.equal(batch.images[0], batch.images[1])


class BrokenStore:
    def __init__(self, store: CropStore) -> None:
        self.store = store

    def __len__(self) -> int:
        return len(self.store)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        if 12 in rows:
            raise OSError("the disk is gone")
        return self.store.batch(rows)


def producers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("facelage-batches")]


def test_an_error_while_reading_reaches_the_caller(store: CropStore) -> None:
    broken: Any = BrokenStore(store)
    with pytest.raises(OSError, match="the disk is gone"):
        batches(broken, np.arange(24))
    assert not producers()


def test_a_caller_may_stop_early(store: CropStore) -> None:
    numbers = np.arange(24, dtype=np.float32)
    iterator: Any = epoch_batches(
        store,
        np.arange(24),
        numbers[:, None],
        numbers,
        tiny.CROP,
        batch_size=2,
        size=32,
        level="none",
        seed=(0, 1),
    )
    next(iterator)
    assert producers()
    iterator.close()
    assert not producers()


def test_opencv_starts_no_threads_of_its_own_meanwhile(
    store: CropStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def counted(crop: np.ndarray, size: int, **_: Any) -> np.ndarray:
        seen.append(cv2.getNumThreads())
        return crop[:size, :size]

    monkeypatch.setattr(augment, "place", counted)
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        batches(store, np.arange(5), level="light")
        assert seen == [1] * 5
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_glasses_are_put_where_the_crop_has_its_eyes(
    store: CropStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def seen(crop: np.ndarray, eyes: Any, rng: object) -> np.ndarray:
        given.append(eyes)
        return crop

    monkeypatch.setattr(augment, "GLASSES", 1.0)
    monkeypatch.setattr(augment, "put_on_glasses", seen)
    batches(store, np.arange(24))
    padded = store.batch(np.arange(1)).shape[1]
    edge = (padded - tiny.CROP.size) / 2 - 0.5
    for eyes in given:
        for eye, landmark in zip(eyes, tiny.CROP.landmarks[:2], strict=True):
            assert eye == pytest.approx([edge + tiny.CROP.size * part for part in landmark])
    assert len(given) == 24


@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_whole_crops_are_the_same_faces_before_the_damage(mixup: float, store: CropStore) -> None:
    options = {"batch_size": 24, "mixup": mixup}
    [real] = batches(store, np.arange(24), whole=True, **options)
    [light] = batches(store, np.arange(24), level="light", **options)
    [alone] = batches(store, np.arange(24), **options)
    assert torch.equal(real.whole, light.images)
    assert torch.equal(real.images, alone.images)
    assert not torch.equal(real.whole, real.images)
    assert alone.whole is alone.images


def test_mixup_blends_images_and_targets_alike(store: CropStore) -> None:
    order = np.arange(24)
    [plain] = batches(store, order, batch_size=24, level="none")
    [mixed] = batches(store, order, batch_size=24, level="none", mixup=1.0)
    again = batches(store, order, batch_size=24, level="none", mixup=1.0)[0]
    assert torch.equal(mixed.images, again.images)
    assert not torch.equal(mixed.images, plain.images)
    # The teacher's answer is half a year more in every face, so in every blend.
    assert torch.allclose(mixed.targets[:, 1] - mixed.targets[:, 0], torch.tensor(0.5))
    assert torch.equal(mixed.weights, plain.weights)
