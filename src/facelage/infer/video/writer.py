"""Frames into a video file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

import cv2

from facelage.data.images import UInt8Image
from facelage.errors import ConfigError, VideoError
from facelage.files import write_atomically

#: The codec of each kind of file: what OpenCV's wheels can write everywhere, without downloads.
CODECS = {
    ".mp4": "mp4v",
    ".m4v": "mp4v",
    ".mov": "mp4v",
    ".mkv": "mp4v",
    ".avi": "MJPG",
    ".webm": "VP80",
}


def save_video(
    path: str | os.PathLike[str],
    images: Iterable[UInt8Image],
    *,
    fps: float,
    codec: str | None = None,
) -> int:
    """Write images as a video, which appears when it is complete.

    Parameters
    ----------
    path:
        The suffix chooses the format: .mp4, .m4v, .mov, .mkv, .avi or .webm.
    images:
        H x W x 3, RGB, uint8, all of one size, taken one at a time. Of an odd
        width or height, some codecs drop the last column or row.
    fps:
        Frames a second; above 65, ``mp4v`` keeps two decimals.
    codec:
        Four characters, such as ``"avc1"`` (H.264) where OpenCV has an encoder
        for it. By default MPEG-4 Part 2 (``mp4v``), Motion JPEG for .avi, and
        VP8 for .webm, which browsers play.

    Returns
    -------
    int
        Number of frames written.

    Raises
    ------
    VideoError
        If the format or codec can't be written here, there is no image, an
        image has another size than the first, or what was written can't be read
        back whole.
    ConfigError
        If `fps` is no number above 0.
    """
    check_format(path, codec)
    if not 0 < fps < math.inf:
        raise ConfigError("fps is out of range", got=str(fps), expected="a number above 0")
    count = 0

    def write(temporary: Path) -> None:
        nonlocal count
        count = _encode(temporary, images, fps, codec)
        _check_whole(temporary, count)

    write_atomically(path, write)
    return count


def check_format(path: str | os.PathLike[str], codec: str | None = None) -> None:
    """Raise a :class:`VideoError` if the suffix is no video's, or `codec` not four letters."""
    suffix = Path(path).suffix
    if suffix.lower() not in CODECS:
        raise VideoError(
            "can't write this video format", got=repr(suffix), expected=", ".join(CODECS)
        )
    if codec is not None and (len(codec) != 4 or not codec.isascii()):
        raise VideoError("a codec has four letters", got=repr(codec), expected="such as mp4v")


def _encode(path: Path, images: Iterable[UInt8Image], fps: float, given: str | None) -> int:
    writer, size, count = None, (0, 0), 0
    codec = given or CODECS[path.suffix.lower()]
    if codec == "mp4v" and fps > 65:  # its clock has 16 bits, and OpenCV counts in decimals
        fps = round(fps, 2 if fps < 655 else 1)
    try:
        for image in images:
            if writer is None:
                size = image.shape[:2]
                code = cv2.VideoWriter.fourcc(*codec)
                place = str(path.absolute())  # a colon is a protocol's to FFmpeg, but not there
                writer = cv2.VideoWriter(place, code, fps, (size[1], size[0]))
                if not writer.isOpened():
                    raise VideoError(
                        "OpenCV can't write this video",
                        got=f"codec {codec} in {path.suffix}, {size[1]} x {size[0]}, {fps:g} fps",
                        expected=f"a codec that OpenCV {cv2.__version__} has an encoder for",
                        fix="leave the codec out" if given else "another suffix, such as .avi",
                    )
            if image.shape[:2] != size:
                raise VideoError(
                    "a video's frames have one size",
                    got=f"{image.shape[1]} x {image.shape[0]} in frame {count}",
                    expected=f"{size[1]} x {size[0]}",
                )
            writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            count += 1
    finally:
        if writer is not None:
            writer.release()
    if count == 0:
        raise VideoError("there is no frame to write", got="no images")
    return count


def _check_whole(path: Path, count: int) -> None:
    """Raise a :class:`VideoError` unless so many frames can be read back.

    OpenCV does not tell of a full disk.
    """
    capture, found = cv2.VideoCapture(str(path.absolute())), 0
    try:
        while capture.grab():
            found += 1
    finally:
        capture.release()
    if found < count:
        raise VideoError(
            "the video could not be written whole",
            got=f"{found} of {count} frames in {path.stat().st_size} bytes",
            fix="free some disk space; if there is enough, another suffix, codec or frame rate",
        )
