"""Frames from a file, a camera, a stream or an iterator, one at a time."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import cv2

from facelage.data.images import Color, ImageLike, UInt8Image, check_color, load_image
from facelage.errors import (
    ConfigError,
    FacelageError,
    ImageError,
    UnreadableImageError,
    VideoError,
    VideoNotFoundError,
)
from facelage.files import offline
from facelage.infer.video.container import cut_off

VideoSource: TypeAlias = str | os.PathLike[str] | int | Iterable[ImageLike]

#: Frames a second of a source that does not say.
USUAL_FPS = 30.0
# A camera may skip a beat; after this many it is gone.
_CAMERA_TRIES, _CAMERA_PAUSE = 50, 0.02
# Headers of formats whose containers don't say how long they are often estimate the frames.
_HEADER_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as read: number, seconds, and an RGB image or the reason for none."""

    index: int
    time: float
    image: UInt8Image | None = None
    error: FacelageError | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes
    ----------
    fps:
        Frames a second, on average; 30 if the file does not say.
    frames:
        Number of frames, which some formats only estimate; None if unknown.
    """

    fps: float
    frames: int | None


def video_info(path: str | os.PathLike[str]) -> VideoInfo:
    """Frame rate and number of frames of a video file.

    Raises
    ------
    VideoError
        If the file can't be opened (`VideoNotFoundError` if there is none).
    """
    capture = _open(path)
    try:
        return _info(capture)
    finally:
        capture.release()


def is_live(source: VideoSource, live: bool | None) -> bool:
    """Whether only the newest frame of `source` counts: `live`, or by the kind of source.

    Raises
    ------
    ConfigError
        If a file is said to be live.
    """
    path = isinstance(source, (str, os.PathLike))
    if path and "://" not in os.fspath(cast(str, source)):
        if live:
            raise ConfigError(
                "a file is not live", got=str(source), fix="leave live out; stride skips frames"
            )
        return False
    return (path or not hasattr(source, "__iter__")) if live is None else live


def read_frames(
    source: VideoSource,
    *,
    stride: int = 1,
    color: Color = "rgb",
    fps: float = USUAL_FPS,
    live: bool = False,
) -> Generator[RawFrame, None, None]:
    """Each `stride`-th frame of a source; see :func:`facelage.infer.predict_video`.

    The source is opened at once, so that its errors don't wait for the first frame.
    """
    check_color(color)  # else it would be wrong for every frame
    if isinstance(source, (str, os.PathLike)):
        name = os.fspath(source)
        # Asked at once: by its end the file may be elsewhere.
        cut = None if "://" in name else cut_off(name)
        return _from_file(_open(source), name, stride, live, cut)
    if not hasattr(source, "__iter__"):
        try:
            index = operator.index(source)
        except TypeError as error:
            raise _not_a_source(source) from error
        return _from_camera(_open(index), index, stride)
    if isinstance(source, (bytes, bytearray, memoryview)) or getattr(source, "ndim", 4) < 4:
        raise _not_a_source(source)
    return _from_iterable(cast(Iterable[ImageLike], source), stride, color, fps, live)


def _not_a_source(source: object) -> ConfigError:
    shape = getattr(source, "shape", None)
    return ConfigError(
        "not something frames can be read from",
        got=type(source).__name__ + (f" of shape {tuple(shape)}" if shape is not None else ""),
        expected="a path, a camera's index, or an iterable of frames",
        fix="[image] for one image",
    )


def _open(source: str | os.PathLike[str] | int) -> Any:
    name = f"camera {source}" if isinstance(source, int) else os.fspath(source)
    address = "://" in name
    if address and offline():
        raise VideoError(
            "FACELAGE_OFFLINE forbids opening a stream", got=name, fix="unset FACELAGE_OFFLINE"
        )
    if not isinstance(source, int) and not address and not Path(source).is_file():
        raise VideoNotFoundError("no such video", got=name, expected="a video file")
    # FFmpeg takes what stands before a colon for a protocol, but not in an absolute path.
    place = name if isinstance(source, int) or address else str(Path(name).absolute())
    capture = cv2.VideoCapture(source if isinstance(source, int) else place)
    if not capture.isOpened():
        raise VideoError(
            "the camera can't be opened" if isinstance(source, int) else "the video can't be read",
            got=name,
            expected="a camera's index, from 0"
            if isinstance(source, int)
            else f"a video that OpenCV {cv2.__version__} can decode",
            fix="close other programs that use it"
            if isinstance(source, int)
            else "play the file; if it shows, convert it to H.264 in .mp4",
        )
    # Phones film sideways and say so in the file. FFmpeg turns it by default, others may not.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


def _info(capture: Any) -> VideoInfo:
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    frames = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    return VideoInfo(
        fps if 0.01 <= fps <= 1000 else USUAL_FPS, int(frames) if 0 < frames < 1e9 else None
    )


def _retrieve(capture: Any, index: int, seconds: float) -> RawFrame:
    try:
        done, bgr = capture.retrieve()
        if done and bgr is not None:
            return RawFrame(index, seconds, load_image(bgr, color="bgr"))
        problem = "no picture"
    except (cv2.error, ImageError) as reason:
        problem = str(reason).strip()
    error = UnreadableImageError("the frame can't be decoded", got=f"frame {index}: {problem}")
    return RawFrame(index, seconds, error=error)


def _from_file(
    capture: Any, name: str, stride: int, live: bool, cut: bool | None
) -> Generator[RawFrame, None, None]:
    try:
        info, index, seconds = _info(capture), 0, 0.0
        start = time.monotonic()
        while capture.grab():
            if live:
                seconds = time.monotonic() - start
            elif index:
                # Phones don't film at an even rate. Some formats don't tell the time.
                told = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
                seconds = told if told > seconds else seconds + 1 / info.fps
            if index % stride == 0:
                yield _retrieve(capture, index, seconds)
            index += 1
        if not live and (index == 0 or _ends_early(cut, index, info.frames or 0)):
            error = VideoError(
                "the video ends early",
                got=f"{index} frames of {name}",
                expected=f"{info.frames} by its header" if info.frames else "frames",
                fix="get the file again from its source",
            )
            yield RawFrame(index, seconds + 1 / info.fps if index else 0.0, error=error)
    finally:
        capture.release()


def _ends_early(cut: bool | None, frames: int, promised: int) -> bool:
    if cut is None:
        return promised - frames > max(2, _HEADER_SLACK * promised)
    return cut and (frames < promised or not promised)


def _from_camera(capture: Any, camera: int, stride: int) -> Generator[RawFrame, None, None]:
    try:
        index, failures, start = 0, 0, time.monotonic()
        while True:
            if not capture.grab():
                failures += 1
                if failures == _CAMERA_TRIES:
                    raise VideoError(
                        "the camera gives no more frames",
                        got=f"camera {camera} after {index} frames",
                        fix="plug it in again",
                    )
                time.sleep(_CAMERA_PAUSE)
                continue
            failures = 0
            if index % stride == 0:
                yield _retrieve(capture, index, time.monotonic() - start)
            index += 1
    finally:
        capture.release()


def _from_iterable(
    frames: Iterable[ImageLike], stride: int, color: Color, fps: float, live: bool
) -> Generator[RawFrame, None, None]:
    start = time.monotonic()
    for index, frame in enumerate(frames):
        if index % stride:
            continue
        seconds = time.monotonic() - start if live else index / fps
        try:
            image = load_image(frame, color=color)
        except ImageError as error:
            yield RawFrame(index, seconds, error=error)
            continue
        # A live source may write the next frame over this one while it is looked at.
        yield RawFrame(index, seconds, image.copy() if live else image)
