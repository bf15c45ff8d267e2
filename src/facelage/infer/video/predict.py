"""From a video to the ages of its faces, frame by frame."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import cv2

from facelage.data.detect.base import Box, box_iou
from facelage.data.images import Color, UInt8Image
from facelage.errors import ConfigError, DetectorError, ImageError
from facelage.infer.result import FaceAge
from facelage.infer.video.live import newest
from facelage.infer.video.reader import (
    USUAL_FPS,
    RawFrame,
    VideoSource,
    is_live,
    read_frames,
)
from facelage.infer.video.result import TrackedFace, VideoFrame
from facelage.infer.video.smoothing import AgeSmoother, SteadyNumber, face_weight
from facelage.infer.video.tracker import Track, Tracker

#: Seconds for which a face that the detector missed is still shown: a few frames.
_STILL_SHOWN = 0.12
#: Overlap with a face in sight from which on a missed one is taken to be behind it.
_BEHIND = 0.2


class FramePredictor(Protocol):
    """What finds and ages the faces of a frame: an AgePredictor, or an object of your own."""

    def predict(
        self, image: UInt8Image, *, color: Color = "rgb", coverage: float = 0.9
    ) -> list[FaceAge]:
        """The faces of an image (H x W x 3, RGB, uint8), each with a box."""
        ...


def predict_video(
    source: VideoSource,
    predictor: FramePredictor | None = None,
    *,
    smoothing: float = 10.0,
    detect_every: int = 1,
    stride: int = 1,
    live: bool | None = None,
    color: Color = "rgb",
    fps: float = USUAL_FPS,
    coverage: float = 0.9,
    on_error: Literal["record", "raise"] = "record",
    tracker: Tracker | None = None,
) -> Iterator[VideoFrame]:
    """Follow the faces of a video and tell their ages, steadily.

    Parameters
    ----------
    source:
        A video file, a stream's address (``rtsp://...``), a camera's index (0
        is the first), or an iterable of frames, each anything that
        :func:`facelage.data.images.load_image` takes. Rotation that a phone
        wrote into the file is applied.
    predictor:
        ``AgePredictor.from_pretrained()`` by default.
    smoothing:
        Seconds of a face's past that its age is the robust mean of: see
        :class:`~facelage.infer.video.smoothing.AgeSmoother`; 0 for each frame's
        own age.
    detect_every:
        Faces are looked for and aged in every n-th frame; in between, boxes
        move on at their speeds and ages stay.
    stride:
        Only every n-th frame of the source is read out and given.
    live:
        Whether frames that came while one was worked on are dropped for the
        newest. By default this is so for cameras and streams.
    color:
        Channel order of arrays from an iterable: ``"rgb"``, or ``"bgr"`` from OpenCV.
    fps:
        Frames a second of an iterable that is not live. Files tell their own
        times, and live sources are timed by the clock.
    coverage:
        As for :meth:`facelage.infer.AgePredictor.predict`.
    on_error:
        ``"record"`` keeps the error of a frame that can't be read in its
        result, and goes on; ``"raise"`` raises it.
    tracker:
        A fresh :class:`~facelage.infer.video.Tracker` with settings of your own.

    Yields
    ------
    VideoFrame
        One at a time: memory stays flat however long the video is. Closing
        the iterator (or ending the program) releases the source.

    Raises
    ------
    VideoError
        If the source can't be opened (`VideoNotFoundError` if there is no
        file), or a camera stops. A file that is cut off ends with a frame that
        has the error.
    ConfigError
        If a setting is out of range, or the predictor finds no faces since it
        has no detector.
    """
    for name, number in (("detect_every", detect_every), ("stride", stride)):
        if number < 1:
            raise ConfigError(f"{name} is out of range", got=str(number), expected="1 or more")
    if not fps > 0:
        raise ConfigError("fps is out of range", got=str(fps), expected="above 0")
    if on_error not in ("record", "raise"):
        raise ConfigError("unknown on_error", got=repr(on_error), expected="record or raise")
    AgeSmoother(smoothing)  # raises for a bad number, before anything is opened
    now = is_live(source, live)
    if predictor is None:
        from facelage.infer.predictor import AgePredictor

        predictor = AgePredictor.from_pretrained()
    if getattr(predictor, "detector", predictor) is None:
        raise ConfigError(
            "a video needs a face detector",
            got="a predictor with detector=None",
            fix="AgePredictor.from_pretrained()",
        )
    raw = read_frames(source, stride=stride, color=color, fps=fps, live=now)
    follower = _Follower(predictor, tracker or Tracker(), smoothing, detect_every, coverage)
    return _run(newest(raw) if now else raw, follower, on_error)


def _run(
    frames: Iterator[RawFrame], follower: _Follower, on_error: str
) -> Generator[VideoFrame, None, None]:
    try:
        for raw in frames:
            frame = follower.step(raw)
            if frame.error is not None and on_error == "raise":
                raise frame.error
            yield frame
    finally:
        frames.close()  # type: ignore[attr-defined]  # both kinds are generators


@dataclass(slots=True)
class _Person:
    """What is remembered of a track."""

    smoother: AgeSmoother
    spreads: AgeSmoother
    label: SteadyNumber = field(default_factory=SteadyNumber)
    frames: int = 0
    face: FaceAge | None = None
    shown: int = 0


class _Follower:
    """Turns raw frames into frames with faces, in order."""

    def __init__(
        self,
        predictor: FramePredictor,
        tracker: Tracker,
        smoothing: float,
        detect_every: int,
        coverage: float,
    ) -> None:
        self.predictor = predictor
        self.tracker = tracker
        self.smoothing = smoothing
        self.detect_every = detect_every
        self.coverage = coverage
        self._people: dict[int, _Person] = {}
        self._looked = 0  # readable frames so far
        self._size = (0, 0)
        self._in_sight: list[Box] = []

    def step(self, raw: RawFrame) -> VideoFrame:
        error, found = raw.error, None
        if raw.image is not None:
            self._size = raw.image.shape[:2]
            if self._looked % self.detect_every == 0:
                try:
                    found = self.predictor.predict(raw.image, coverage=self.coverage)
                except (ImageError, DetectorError) as reason:
                    error = reason
                except cv2.error as reason:
                    error = DetectorError("OpenCV failed on this frame", got=str(reason).strip())
            self._looked += 1
        if found is None:
            self.tracker.advance(raw.time)
            seen = {}
        else:
            boxes = [_box(face) for face in found]
            seen = dict(zip(self.tracker.update(boxes, raw.time), found, strict=True))
        tracks = self.tracker.tracks
        self._people = {track.id: self._people.get(track.id) or self._person() for track in tracks}
        self._in_sight = [track.box for track in tracks if not track.missed]
        faces = [
            face for track in tracks if (face := self._face(track, seen.get(track.id), raw.time))
        ]
        faces.sort(key=lambda face: -_area(_box(face.face)))
        return VideoFrame(raw.index, raw.time, raw.image, tuple(faces), error)

    def _person(self) -> _Person:
        return _Person(AgeSmoother(self.smoothing), AgeSmoother(self.smoothing))

    def _face(self, track: Track, seen: FaceAge | None, time: float) -> TrackedFace | None:
        """The track's face in this frame; None if it is not to be shown."""
        person = self._people[track.id]
        if seen is not None:
            weight = face_weight(seen)
            age = person.smoother.add(seen.age, weight, time)
            spread = person.spreads.add(seen.spread, weight, time)
            person.frames += 1
            person.shown = person.label.follow(age)
            person.face = replace(_with_age(seen, age, spread), box=track.box)
            return TrackedFace(track.id, person.face, seen.age, person.shown, person.frames)
        if person.face is None or not self._still_there(track, time):
            return None
        face = replace(person.face, box=track.box, landmarks=None, score=None)
        return TrackedFace(track.id, face, None, person.shown, person.frames)

    def _still_there(self, track: Track, time: float) -> bool:
        left, top, right, bottom = track.box
        height, width = self._size
        if not (0 <= left + right <= 2 * width and 0 <= top + bottom <= 2 * height):
            return False
        if not track.missed:
            return True
        recent = time - track.last_seen <= _STILL_SHOWN
        return recent and all(box_iou(track.box, box) < _BEHIND for box in self._in_sight)


def _with_age(face: FaceAge, age: float, spread: float) -> FaceAge:
    """`face` at another age and spread, with the interval that belongs to them."""
    face = replace(face, age=age, spread=spread)
    if face.calibration is None or face.coverage is None:
        return face
    low, high = face.calibration.interval(age, face.coverage, spread)
    return replace(face, interval=(float(low), float(high)))


def _box(face: FaceAge) -> Box:
    if face.box is None:
        raise ConfigError(
            "a face without a box can't be followed",
            got=f"detector {face.detector!r}",
            expected="a predictor with a face detector",
        )
    return face.box


def _area(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
