from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facelage.errors import ConfigError, VideoError
from facelage.infer.video import save_video, video_info
from facelage.infer.video.reader import read_frames
from facelage.infer.video.writer import CODECS


def picture(level: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    image = np.full((*shape, 3), level, np.uint8)
    image[..., 0] = 200  # red, to tell the colour order
    return image


@pytest.mark.parametrize("suffix", CODECS)
def test_every_format_is_read_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    assert save_video(path, (picture(10 * n) for n in range(12)), fps=25) == 12
    info = video_info(path)
    assert info.fps == pytest.approx(25)
    assert info.frames == pytest.approx(12, abs=1)
    frames = [frame.image for frame in read_frames(path)]
    assert len(frames) == 12
    assert frames[0] is not None
    assert frames[0].shape == (48, 64, 3)
    assert frames[0][..., 0].mean() > frames[0][..., 2].mean() + 100
    assert list(tmp_path.iterdir()) == [path]


def test_a_video_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield picture(0)
        raise KeyboardInterrupt

    old = tmp_path / "clip.mp4"
    old.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        save_video(old, frames(), fps=25)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_frames_of_another_size_are_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="32 x 48 in frame 1"):
        save_video(tmp_path / "a.avi", [picture(0), picture(0, (48, 32))], fps=25)
    assert not list(tmp_path.iterdir())


def test_no_frames_are_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frame"):
        save_video(tmp_path / "a.avi", [], fps=25)


@pytest.mark.parametrize(("name", "codec"), [("a.txt", None), ("a", None), ("a.mp4", "h264x")])
def test_formats_that_can_not_be_written_are_named_before_a_frame_is_asked_for(
    name: str, codec: str | None, tmp_path: Path
) -> None:
    with pytest.raises(VideoError, match=r"format|four letters"):
        save_video(tmp_path / name, iter(int, 1), fps=25, codec=codec)  # type: ignore[arg-type]


def test_a_codec_without_an_encoder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        fourcc = staticmethod(cv2.VideoWriter.fourcc)

        def __init__(self, *_: object) -> None: ...

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return False

        def release(self) -> None: ...

    monkeypatch.setattr(cv2, "VideoWriter", Closed)
    with pytest.raises(VideoError, match=r"codec zzzz in \.mp4.*leave the codec out"):
        save_video(tmp_path / "a.mp4", [picture(0)], fps=25, codec="zzzz")
    with pytest.raises(VideoError, match=r"codec mp4v in \.mp4.*another suffix"):
        save_video(tmp_path / "a.mp4", [picture(0)], fps=25)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm"])
def test_what_can_not_be_read_back_whole_replaces_nothing(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cv2.VideoWriter

    class Full:  # a full disk, of which OpenCV tells nobody
        fourcc = staticmethod(real.fourcc)

        def __init__(self, *arguments: Any) -> None:
            self.writer, self.room = real(*arguments), 3

        def __getattr__(self, name: str) -> Any:
            return getattr(self.writer, name)

        def write(self, image: np.ndarray) -> None:
            self.room -= 1
            if self.room >= 0:
                self.writer.write(image)

    old = tmp_path / f"clip{suffix}"
    old.write_bytes(b"old")
    monkeypatch.setattr(cv2, "VideoWriter", Full)
    with pytest.raises(VideoError, match=r"written whole; got: 3 of 12 frames.*disk space"):
        save_video(old, (picture(20 * n) for n in range(12)), fps=25)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


@pytest.mark.parametrize("fps", [15.0, 29.97, 66.667, 119.88, 239.962, 655.351, 999.9])
def test_every_rate_can_be_written(fps: float, tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv", ".avi"):
        path = tmp_path / f"clip{suffix}"
        assert save_video(path, (picture(10 * n) for n in range(12)), fps=fps) == 12
        if suffix != ".mkv":  # which tells the time of each frame in whole milliseconds
            assert video_info(path).fps == pytest.approx(fps, rel=1e-3)


@pytest.mark.parametrize("fps", [0, -1, float("inf"), float("nan")])
def test_an_impossible_rate_is_refused_before_a_frame_is_asked_for(
    fps: float, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="fps is out of range"):
        save_video(tmp_path / "a.mp4", iter(int, 1), fps=fps)  # type: ignore[arg-type]
