from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest

from facelage.data.detect import (
    Detection,
    HaarDetector,
    RefinedDetector,
    YuNetDetector,
    resolve_detector,
)
from facelage.data.detect.yunet import YUNET_NAME
from facelage.errors import DetectorError, DetectorFallbackWarning, DownloadError
from facelage.files import write_bytes

POINTS = ((1.0, 1.0), (2.0, 1.0), (1.5, 2.0), (1.0, 3.0), (2.0, 3.0))


class Mine:
    name = "mine"

    def detect(self, image: np.ndarray) -> list[Detection]:
        return []


def test_none_and_objects_stay_what_they_are() -> None:
    mine = Mine()
    assert resolve_detector(None) is None
    assert resolve_detector(mine) is mine


def test_names_give_detectors(yunet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    haar = resolve_detector("haar")
    assert isinstance(haar, RefinedDetector)
    assert isinstance(haar.detector, HaarDetector)
    assert haar.name == "haar"
    monkeypatch.setenv("FACELAGE_YUNET", str(yunet))
    assert isinstance(resolve_detector("yunet"), YuNetDetector)


def test_auto_takes_yunet_where_it_is_at_hand(
    yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path))
    write_bytes(tmp_path / YUNET_NAME, yunet.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(resolve_detector(), YuNetDetector)


def test_auto_passes_over_a_file_that_is_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setenv("FACELAGE_CACHE", str(tmp_path))
    write_bytes(tmp_path / YUNET_NAME, b"the network")
    monkeypatch.setattr("facelage.files.sha256", forbidden)
    monkeypatch.setattr("facelage.data.detect.yunet.sha256", forbidden)
    with pytest.warns(DetectorFallbackWarning, match="can't be read"):
        assert isinstance(resolve_detector("auto"), RefinedDetector)


def test_auto_falls_back_to_haar_with_one_warning() -> None:
    with pytest.warns(DetectorFallbackWarning, match="facelage download") as caught:
        fallback = resolve_detector("auto")
    assert len(caught) == 1
    assert isinstance(fallback, RefinedDetector)
    assert isinstance(fallback.detector, HaarDetector)
    with pytest.raises(DownloadError):
        resolve_detector("yunet")  # who asks for it by name gets no other


def test_auto_does_not_hide_a_wrong_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACELAGE_YUNET", "/absent.onnx")
    with pytest.raises(DetectorError, match="FACELAGE_YUNET"):
        resolve_detector("auto")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mtcnn", "unknown face detector; got: 'mtcnn'; expected: 'auto'"),
        ("", "unknown face detector"),
        (3, "not a face detector; got: int"),
        (Mine, "not a face detector; got: <class"),
    ],
)
def test_what_is_no_detector_is_named(wrong: object, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        resolve_detector(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "box",
    [(5.0, 5.0, 5.0, 9.0), (5.0, 9.0, 8.0, 5.0), (0.0, 0.0, math.nan, 1.0), (0, 0, math.inf, 1)],
)
def test_a_box_has_a_positive_size(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(DetectorError, match="positive size"):
        Detection(box)


@pytest.mark.parametrize("landmarks", [POINTS[:4], (*POINTS[:4], (math.nan, 0.0)), ((1.0,),) * 5])
def test_landmarks_are_five_finite_points(landmarks: object) -> None:
    with pytest.raises(DetectorError, match="five"):
        Detection((0.0, 0.0, 4.0, 4.0), landmarks)  # type: ignore[arg-type]


def test_size_is_the_geometric_mean_of_the_sides() -> None:
    assert Detection((1.0, 1.0, 5.0, 10.0), POINTS).size == pytest.approx(6)
