from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.align import DEFAULT_CROP, similarity_to_crop
from facelage.data.detect import Detection, Landmarks
from facelage.data.landmarks import SHIPPED, LandmarkNetwork, box_around
from facelage.errors import WeightsError
from facelage.models import get_weights

#: The astronaut's face, as YuNet draws it.
BOX = (178.0, 63.0, 268.0, 176.0)
SIZE = 101.0


@pytest.fixture(scope="module")
def network() -> LandmarkNetwork:
    return LandmarkNetwork()


def placed(scale: float, x: float, y: float, angle: float = 0.0) -> Landmarks:
    """The mean face, scaled, turned (degrees) and put somewhere."""
    points = (np.array(DEFAULT_CROP.landmarks) - 0.5) * scale
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    points = points @ np.array([[cos, sin], [-sin, cos]]) + [x, y]
    return tuple((float(a), float(b)) for a, b in points)  # type: ignore[return-value]


def test_the_file_is_small_and_carries_its_patch(network: LandmarkNetwork) -> None:
    assert SHIPPED.stat().st_size < 600_000
    assert network.name == SHIPPED.stem
    assert network.patch.size == 48
    assert network.patch.box_side > DEFAULT_CROP.box_side  # room for a box that is off


def test_the_portraits_landmarks_lie_where_they_are(
    network: LandmarkNetwork, astronaut: np.ndarray
) -> None:
    [face] = network.locate(astronaut, [Detection(BOX)])
    # Marked by hand in an enlargement.
    expected = [(203, 101), (247, 103), (224, 123), (204, 141), (244, 142)]
    assert np.linalg.norm(np.array(face.landmarks) - expected, axis=1).max() < 0.06 * SIZE
    assert face.score is not None
    assert 0.9 < face.score <= 1
    assert np.abs(np.array(face.box) - BOX).max() < 0.15 * SIZE


@pytest.mark.parametrize("angle", [-20.0, 20.0])
def test_landmarks_turn_the_patch(
    angle: float, network: LandmarkNetwork, astronaut: np.ndarray
) -> None:
    # What it is told by the landmarks of a first look decides what the second sees.
    [straight] = network.locate(astronaut, [Detection(BOX)])
    assert straight.landmarks is not None
    middle = np.mean(straight.landmarks, axis=0)
    turned = placed(110, *middle, angle)
    [again] = network.locate(astronaut, [Detection(BOX, turned)])
    distance = np.linalg.norm(np.array(again.landmarks) - straight.landmarks, axis=1)
    assert distance.max() < 0.1 * SIZE
    assert np.linalg.norm(np.array(turned) - straight.landmarks, axis=1).max() > 0.1 * SIZE


def test_order_and_number_stay(network: LandmarkNetwork, astronaut: np.ndarray) -> None:
    boxes = [Detection(BOX), Detection((0.0, 0.0, 40.0, 50.0)), Detection((400, 400, 900, 900))]
    together = network.locate(astronaut, boxes)
    alone = [network.locate(astronaut, [box])[0] for box in boxes]
    for one, other in zip(together, alone, strict=True):
        assert np.ravel(one.landmarks) == pytest.approx(np.ravel(other.landmarks), abs=1e-2)
        assert one.score == pytest.approx(other.score, abs=1e-4)
    assert network.locate(astronaut, []) == []


@given(scale=st.floats(20, 900), x=st.floats(-200, 2000), y=st.floats(-200, 2000))
def test_an_upright_faces_box_gives_the_crop_of_its_landmarks(
    scale: float, x: float, y: float
) -> None:
    landmarks = placed(scale, x, y)
    box = box_around(landmarks, (0.0, 0.0, 1.0, 1.0), DEFAULT_CROP)
    by_box = similarity_to_crop(Detection(box))
    by_landmarks = similarity_to_crop(Detection(box, landmarks))
    assert by_box[:, :2] == pytest.approx(by_landmarks[:, :2], rel=1e-6, abs=1e-9)
    # Half a pixel of the crop apart: boxes are not aligned to the centres of pixels.
    assert np.abs(by_box[:, 2] - by_landmarks[:, 2]).max() < 0.51


@given(angle=st.floats(-180, 180))
def test_a_turned_face_keeps_the_size_of_its_box(angle: float) -> None:
    upright = Detection(box_around(placed(100, 300, 300), (0, 0, 1, 1), DEFAULT_CROP))
    turned = Detection(box_around(placed(100, 300, 300, angle), (0, 0, 1, 1), DEFAULT_CROP))
    assert turned.size == pytest.approx(upright.size, rel=1e-6)


def test_landmarks_in_one_point_leave_a_box() -> None:
    point = (5.0, 5.0)
    box = box_around((point,) * 5, (0.0, 0.0, 76.0, 100.0), DEFAULT_CROP)
    assert np.array(box) == pytest.approx(np.array([0.0, 0.0, 76.0, 100.0]), abs=1.0)


def test_copies_and_threads_share_one_session(
    network: LandmarkNetwork, astronaut: np.ndarray
) -> None:
    copy = pickle.loads(pickle.dumps(network))
    assert copy._session is network._session is LandmarkNetwork()._session
    boxes = [Detection((170.0 + i, 60.0, 262.0 + i, 174.0)) for i in range(8)]
    expected = [network.locate(astronaut, [box]) for box in boxes]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda box: copy.locate(astronaut, [box]), boxes)) == expected


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no landmark network; got: .*absent\.onnx"):
        LandmarkNetwork(tmp_path / "absent.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=r"can't be loaded; got: .*broken\.onnx"):
        LandmarkNetwork(tmp_path / "broken.onnx")
    with pytest.raises(WeightsError, match="is no landmark network"):
        LandmarkNetwork(get_weights().path())
