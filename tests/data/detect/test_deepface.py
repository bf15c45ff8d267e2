from __future__ import annotations

import pickle
import sys
import types
from typing import Any

import numpy as np
import pytest

from facelage.data.align import align
from facelage.data.detect import Detection, FaceDetector, resolve_detector
from facelage.data.detect.deepface import DeepFaceDetector
from facelage.errors import DetectorError, MissingDependencyError

IMAGE = np.zeros((100, 200, 3), np.uint8)
IMAGE[..., 0] = 255  # red in RGB


def face(confidence: Any = 0.98, **area: Any) -> dict[str, Any]:
    """One face as DeepFace documents it: eyes and mouth corners from the person's own view."""
    return {
        "face": np.zeros((50, 40, 3)),
        "facial_area": {"x": 60, "y": 20, "w": 40, "h": 50, **area},
        "confidence": confidence,
    }


FULL = {
    "left_eye": (90, 35),
    "right_eye": (70, 36),
    "nose": (80, 45),
    "mouth_left": (88, 58),
    "mouth_right": (72, 57),
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the stand-in for DeepFace answers; an exception is raised."""
    planned: list[Any] = []

    def extract_faces(
        img_path: np.ndarray, detector_backend: str, enforce_detection: bool, align: bool
    ) -> Any:
        assert (detector_backend, enforce_detection, align) == ("retinaface", False, False)
        assert img_path[0, 0].tolist() == [0, 0, 255]  # DeepFace takes BGR
        if isinstance(planned[0], Exception):
            raise planned[0]
        return planned

    module = types.ModuleType("deepface")
    module.DeepFace = types.SimpleNamespace(extract_faces=extract_faces)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "deepface", module)
    return planned


@pytest.mark.parametrize("seen_from", ["the person", "the picture"])
def test_faces_are_translated_left_to_right(seen_from: str, answers: list[Any]) -> None:
    names = dict(zip(FULL, FULL, strict=True))
    if seen_from == "the picture":  # as some backends have it
        names |= {"left_eye": "right_eye", "right_eye": "left_eye"}
        names |= {"mouth_left": "mouth_right", "mouth_right": "mouth_left"}
    answers += [face(**{names[name]: point for name, point in FULL.items()})]
    (found,) = DeepFaceDetector("retinaface").detect(IMAGE)
    assert found == Detection(
        (60.0, 20.0, 100.0, 70.0),
        ((70.0, 36.0), (90.0, 35.0), (80.0, 45.0), (72.0, 57.0), (88.0, 58.0)),
        0.98,
    )
    assert align(IMAGE, found).shape == (128, 128, 3)


@pytest.mark.parametrize("missing", [*FULL, "all but eyes"])
def test_without_all_five_there_are_no_landmarks(missing: str, answers: list[Any]) -> None:
    points = {
        name: point
        for name, point in FULL.items()
        if name != missing and (missing != "all but eyes" or name.endswith("eye"))
    }
    answers += [face(**{**points, "left_eye": points.get("left_eye")})]
    (found,) = DeepFaceDetector("retinaface").detect(IMAGE)
    assert found.landmarks is None


def test_the_whole_frame_with_no_confidence_is_no_face(answers: list[Any]) -> None:
    answers += [face(0, x=0, y=0, w=199, h=99, left_eye=None, right_eye=None)]
    assert DeepFaceDetector("retinaface").detect(IMAGE) == []


def test_empty_boxes_and_missing_confidences_are_dropped(answers: list[Any]) -> None:
    answers += [face(0.9, w=0), face(0.9, h=-3), face(None), face(float("nan")), face(0.4)]
    assert [found.score for found in DeepFaceDetector("retinaface").detect(IMAGE)] == [0.4]


def test_the_best_score_comes_first_and_is_at_most_one(answers: list[Any]) -> None:
    answers += [face(0.5), face(7.3), face(0.8)]
    scores = [found.score for found in DeepFaceDetector("retinaface").detect(IMAGE)]
    assert scores == [1.0, 0.8, 0.5]


def test_a_failing_backend_is_named(answers: list[Any]) -> None:
    answers += [RuntimeError("no weights")]
    with pytest.raises(DetectorError, match="'retinaface' failed; got: no weights"):
        DeepFaceDetector("retinaface").detect(IMAGE)


def test_names_choose_the_backend(answers: list[Any]) -> None:
    chosen = resolve_detector("deepface-retinaface")
    assert isinstance(chosen, DeepFaceDetector)
    assert isinstance(chosen, FaceDetector)
    assert (chosen.name, chosen.backend) == ("deepface-retinaface", "retinaface")
    default = resolve_detector("deepface")
    assert default is not None
    assert default.name == "deepface-opencv"
    answers += [face()]
    assert len(pickle.loads(pickle.dumps(chosen)).detect(IMAGE)) == 1


@pytest.mark.parametrize("name", ["deepface", "deepface-mtcnn"])
def test_without_the_extra_the_error_names_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepface", None)
    with pytest.raises(MissingDependencyError, match=r"facelage\[deepface\]"):
        resolve_detector(name)
