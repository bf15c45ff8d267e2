"""YuNet in ONNX Runtime against OpenCV's own FaceDetectorYN, which runs the same file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.detect.yunet_network import YuNetNetwork
from facelage.data.images import list_images, load_image


@pytest.fixture(scope="module")
def network(yunet: Path) -> YuNetNetwork:
    return YuNetNetwork(yunet)


def in_opencv(yunet: Path, image: np.ndarray, threshold: float) -> np.ndarray:
    reference = cv2.FaceDetectorYN.create(str(yunet), "", image.shape[1::-1], threshold, 0.3, 200)
    _, rows = reference.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return np.zeros((0, 15), np.float32) if rows is None else rows


@pytest.mark.parametrize("threshold", [0.6, 0.05])
def test_photos_show_opencvs_faces(
    network: YuNetNetwork, yunet: Path, shared: Path, threshold: float
) -> None:
    number = 0
    for path in list_images(shared / "data" / "appa_real_dev")[:40]:
        image = load_image(path)
        if min(image.shape[:2]) < 64:
            continue  # there OpenCV reads memory that it never wrote
        scale = min(1.0, 640 / max(image.shape[:2]))
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found, wanted = network.detect(image, threshold), in_opencv(yunet, image, threshold)
        assert found.shape == wanted.shape, path.name
        assert np.allclose(found, wanted, atol=5e-3), path.name
        number += len(found)
    assert number > 30


@given(height=st.integers(1, 300), width=st.integers(1, 300), seed=st.integers(0, 9))
def test_any_size_has_rows_best_first(
    network: YuNetNetwork, height: int, width: int, seed: int
) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    rows = network.detect(image, 1e-4)
    assert rows.shape[1:] == (15,)
    assert rows.dtype == np.float32
    assert len(rows) <= 200
    assert (np.diff(rows[:, 14]) <= 0).all()
    assert ((rows[:, 14] >= 1e-4) & (rows[:, 14] <= 1)).all()


def test_black_beside_and_below_changes_nothing(
    network: YuNetNetwork, astronaut: np.ndarray
) -> None:
    # What is added to reach a multiple of 32.
    image = np.ascontiguousarray(astronaut[:250, 100:345])
    padded = cv2.copyMakeBorder(image, 0, 6, 0, 11, cv2.BORDER_CONSTANT)
    assert len(network.detect(image, 0.6)) == 1
    assert np.array_equal(network.detect(image, 0.6), network.detect(padded, 0.6))
