"""Clips made of photos of the London set, with YuNet and the shipped weights."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facelage.data.detect.yunet import YuNetDetector
from facelage.data.images import load_image
from facelage.infer import AgePredictor, predict_video
from video.clips import crossing

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "speed"


@pytest.fixture(scope="module")
def london(shared: Path) -> Path:
    return shared / "data" / "frl_london"


@pytest.fixture(scope="module")
def real(yunet: Path) -> AgePredictor:
    return AgePredictor.from_pretrained(detector=YuNetDetector(yunet), threads=1)


@pytest.fixture
def video_fps(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("video_fps")


def test_two_people_who_cross_keep_their_ids(london: Path, real: AgePredictor) -> None:
    """One hides the other for a fifth of a second."""
    people = [load_image(london / name) for name in ("001.jpg", "030.jpg")]
    frames = list(predict_video(crossing(*people, frames=40), real))
    assert {face.track for frame in frames for face in frame.faces} == {1, 2}
    detected = [sum(face.detected for face in frame.faces) for frame in frames]
    assert min(detected) == 1  # they did hide each other
    assert len(frames[0].faces) == len(frames[-1].faces) == 2

    def left_to_right(faces: Any) -> list[int]:
        return [face.track for face in sorted(faces, key=lambda face: face.face.box[0])]

    assert left_to_right(frames[0].faces) == left_to_right(frames[-1].faces)[::-1]


def test_an_age_is_steadier_than_its_frames(
    london: Path, real: AgePredictor, video_fps: Any
) -> None:
    """The benchmark's clip: pan, zoom, turn, noise, JPEG damage and motion blur."""
    clip = list(video_fps.make_clip(load_image(london / "001.jpg"), 40))
    assert clip[0].shape == (480, 640, 3)
    frames = list(predict_video(clip, real))
    assert {face.track for frame in frames for face in frame.faces} == {1}
    assert min(len(frame.faces) for frame in frames) == 1
    raw = np.array([frame.faces[0].raw_age for frame in frames])
    smooth = np.array([frame.faces[0].age for frame in frames])
    assert smooth[10:].std() < 0.5 * raw[10:].std()
    assert np.abs(np.diff(smooth[10:])).mean() < 0.2 * np.abs(np.diff(raw[10:])).mean()
    assert raw.min() <= smooth.min() <= smooth.max() <= raw.max()
