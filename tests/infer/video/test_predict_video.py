from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facelage.errors import ConfigError, DetectorError, VideoError
from facelage.infer import AgePredictor, FaceAge, VideoFrame, predict_video
from facelage.infer.intervals import Calibration
from facelage.infer.video import Tracker
from video.clips import SquareFinder, squares


def still(count: int, age: float = 50) -> list[np.ndarray]:
    return [squares((160, 120, 60, age))] * count


def run(source: Any, **settings: Any) -> list[VideoFrame]:
    return list(predict_video(source, settings.pop("predictor", SquareFinder()), **settings))


def test_a_file_is_followed(clip: Path) -> None:
    frames = run(clip)
    assert [frame.index for frame in frames] == list(range(30))
    for frame in frames:
        [face] = frame.faces
        assert face.track == 1
        assert face.detected
        assert face.frames == frame.index + 1
        assert face.age == pytest.approx(50, abs=3)
        assert face.face.box is not None
        left, _, right, _ = face.face.box
        assert (left + right) / 2 == pytest.approx(80 + 4 * frame.index, abs=3)


def test_results_are_frozen_slotted_and_plain_as_dicts() -> None:
    [frame] = run(still(1))
    for item, name in ((frame, "index"), (frame.faces[0], "track")):
        assert not hasattr(item, "__dict__")
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(item, name, 3)
    told = json.loads(json.dumps(frame.to_dict()))
    assert told["frame"] == 0
    assert told["error"] is None
    assert told["faces"][0]["track"] == 1
    assert told["faces"][0]["raw_age"] == told["faces"][0]["age"] == 50.0


def test_two_squares_that_cross_keep_their_ids_and_ages() -> None:
    """They touch in the middle, where the finder sees one square only."""
    ways = [20 + 280 * n / 59 for n in range(60)]
    frames = run([squares((x, 116, 44, 80), (320 - x, 126, 40, 20)) for x in ways])
    assert min(len(frame.faces) for frame in frames[:20]) == 2

    middle = frames[30].faces  # the one behind is not drawn over the one in front
    assert [face.detected for face in middle] == [True]

    def ids(frame: VideoFrame) -> dict[int, int]:
        return {round(face.raw_age or 0): face.track for face in frame.faces}

    assert ids(frames[0]) == ids(frames[-1])
    assert {face.track for face in frames[-1].faces} == {1, 2}
    assert sorted(face.label for face in frames[-1].faces) == [20, 80]


def test_ages_are_smoothed_and_a_bad_frame_does_not_show() -> None:
    rng = np.random.default_rng(0)
    ages = np.rint(50 + rng.normal(0, 4, 60))
    ages[[20, 40]] = 100
    frames = run([still(1, age)[0] for age in ages])
    smooth = np.array([frame.faces[0].age for frame in frames])
    assert [frame.faces[0].raw_age for frame in frames] == ages.tolist()
    assert smooth[15:].std() < 0.15 * ages[15:].std()
    assert abs(smooth[20] - smooth[19]) < 1
    assert abs(smooth[-1] - 50) < 1
    raw = [frame.faces[0].age for frame in run([still(1, age)[0] for age in ages], smoothing=0)]
    assert raw == ages.tolist()


class Calibrated(SquareFinder):
    calibration = Calibration(
        (0.0, 100.0), (2.0, 6.0), (2.0, 6.0), tuple(n / 10 - 5 for n in range(101))
    )

    def predict(self, image: Any, *, color: str = "rgb", coverage: float = 0.9) -> list[FaceAge]:
        return [
            dataclasses.replace(
                face, interval=(0.0, 1.0), coverage=coverage, calibration=self.calibration
            )
            for face in super().predict(image)
        ]


def test_the_interval_belongs_to_the_smoothed_age() -> None:
    clip = [still(1, age)[0] for age in (40, 60, 60)]
    face = run(clip, predictor=Calibrated(), coverage=0.8)[-1].faces[0]
    low, high = Calibrated.calibration.interval(face.age, 0.8)
    assert face.face.interval == pytest.approx((low, high))
    assert face.face.coverage == 0.8


class Doubtful(Calibrated):
    """One that doubts the old more."""

    def predict(self, image: Any, *, color: str = "rgb", coverage: float = 0.9) -> list[FaceAge]:
        faces = super().predict(image, coverage=coverage)
        return [dataclasses.replace(face, spread=face.age / 40) for face in faces]


def test_the_spread_is_smoothed_as_the_age_is() -> None:
    clip = [still(1, age)[0] for age in (40, 60, 60, 80)]
    face = run(clip, predictor=Doubtful(), coverage=0.8)[-1].faces[0].face
    assert face.spread == pytest.approx(face.age / 40)
    assert face.interval == pytest.approx(
        tuple(Calibrated.calibration.interval(face.age, 0.8, face.spread))
    )


def test_between_detections_boxes_move_on_and_ages_stay() -> None:
    clip = [squares((60 + 3 * n, 120, 60, 50)) for n in range(40)]
    finder = SquareFinder()
    frames = run(clip, predictor=finder, detect_every=4)
    assert finder.calls == 10
    for frame in frames[8:]:
        [face] = frame.faces
        assert face.track == 1
        assert face.detected == (frame.index % 4 == 0)
        assert face.face.box is not None
        centre = (face.face.box[0] + face.face.box[2]) / 2
        assert centre == pytest.approx(60 + 3 * frame.index, abs=4)
        if not face.detected:
            assert (face.raw_age, face.face.score, face.face.landmarks) == (None, None, None)
            assert face.age == 50


def test_a_face_that_is_missed_is_shown_a_little_longer_and_keeps_its_id() -> None:
    nothing = squares()
    frames = run(still(10) + [nothing] * 15 + still(3))
    assert [len(frame.faces) for frame in frames] == [1] * 13 + [0] * 12 + [1] * 3
    assert frames[-1].faces[0].track == 1
    assert frames[-1].faces[0].frames == 13


def test_a_face_that_leaves_the_picture_is_not_shown_outside() -> None:
    frames = run([squares((200 + 12 * n, 120, 60, 50)) for n in range(14)])
    for frame in frames:
        for face in frame.faces:
            assert face.face.box is not None
            assert face.face.box[0] + face.face.box[2] <= 2 * 320


def test_faces_come_largest_first_and_none_is_no_error() -> None:
    frames = run([squares(), squares((60, 60, 30, 20), (200, 120, 90, 70))])
    assert frames[0].faces == ()
    assert frames[0].error is None
    assert [face.label for face in frames[1].faces] == [70, 20]


def test_a_bad_frame_is_recorded_and_loses_nothing_else() -> None:
    frames = run([*still(3), np.zeros((2, 2, 7), np.uint8), *still(3)], fps=10)
    assert [frame.error is None for frame in frames] == [True] * 3 + [False] + [True] * 3
    bad = frames[3]
    assert bad.image is None
    assert [face.track for face in bad.faces] == [1]  # where it should be
    assert frames[4].faces[0].track == 1
    assert frames[4].time == pytest.approx(0.4)
    with pytest.raises(VideoError, match="frame 3"):
        bad.annotate()


class Failing(SquareFinder):
    error: Exception = DetectorError("out of order")

    def predict(self, image: Any, **settings: Any) -> list[FaceAge]:
        found = super().predict(image)
        if self.calls == 2:
            raise self.error
        return found


@pytest.mark.parametrize("error", [DetectorError("out of order"), cv2.error("out of order")])
def test_a_detector_that_fails_on_a_frame_is_recorded(error: Exception) -> None:
    finder = Failing()
    finder.error = error
    frames = run(still(4), predictor=finder)
    assert [frame.error is None for frame in frames] == [True, False, True, True]
    assert isinstance(frames[1].error, DetectorError)
    assert frames[1].image is not None
    with pytest.raises(DetectorError, match="out of order"):
        run(still(4), predictor=Failing(), on_error="raise")


def test_frames_are_taken_one_at_a_time_and_the_source_is_released() -> None:
    taken = closed = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken, closed
        try:
            while True:
                taken += 1
                yield squares((160, 120, 60, 50))
        finally:
            closed += 1

    source = endless()
    frames = predict_video(source, SquareFinder())
    for _ in range(3):
        next(frames)
    assert taken == 3
    frames.close()  # type: ignore[attr-defined]
    source.close()  # type: ignore[attr-defined]
    assert closed == 1


def test_a_long_video_leaves_nothing_behind() -> None:
    """Every face comes and goes; only the last ones are remembered."""
    tracker = Tracker(max_lost=0.1)
    clip = (squares((30 + 130 * (n // 10 % 3), 120, 40, 50)) for n in range(400))
    highest = 0
    for frame in predict_video(clip, SquareFinder(), tracker=tracker):
        assert len(tracker.tracks) <= 3
        highest = max(face.track for face in frame.faces)
    assert highest > 20


def test_a_live_iterable_is_timed_by_the_clock_and_copied() -> None:
    buffer = squares((160, 120, 60, 50))
    frames = run((buffer for _ in range(3)), live=True)
    assert frames
    assert frames[-1].index == 2
    assert frames[-1].image is not buffer
    assert all(a.time <= b.time for a, b in itertools.pairwise(frames))


def test_a_predictor_of_crops_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigError, match="needs a face detector"):
        predict_video("gone.mp4", AgePredictor.from_pretrained(detector=None, threads=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detect_every", 0),
        ("stride", 0),
        ("fps", 0.0),
        ("smoothing", -1.0),
        ("on_error", "ignore"),
    ],
)
def test_settings_out_of_range_are_named_at_once(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        predict_video(still(1), SquareFinder(), **{name: value})


def test_a_face_without_a_box_is_named() -> None:
    class Boxless(SquareFinder):
        def predict(self, image: Any, **settings: Any) -> list[FaceAge]:
            return [FaceAge(30.0, None, None, None, "none", "m")]

    with pytest.raises(ConfigError, match="without a box"):
        run(still(1), predictor=Boxless())


def test_the_real_predictor_finds_the_astronaut(portrait: np.ndarray) -> None:
    predictor = AgePredictor.from_pretrained(detector="haar", threads=1)
    [expected] = predictor.predict(portrait)
    frame = run([portrait], predictor=predictor)[0]
    [face] = frame.faces
    assert face.age == face.raw_age == expected.age
    assert face.face.box == pytest.approx(expected.box)
    assert face.face.model == predictor.model
