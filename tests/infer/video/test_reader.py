from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facelage.errors import ConfigError, InvalidArrayError, VideoError, VideoNotFoundError
from facelage.infer.video import VideoInfo, reader, save_video, video_info
from facelage.infer.video.reader import is_live, read_frames

GREY = np.full((24, 32, 3), 100, np.uint8)


def test_a_file_gives_rgb_frames_with_numbers_and_times(clip: Path) -> None:
    frames = list(read_frames(clip))
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == pytest.approx([n / 20 for n in range(30)])
    assert all(frame.error is None for frame in frames)
    assert frames[0].image is not None
    assert frames[0].image.shape == (240, 320, 3)


def test_colours_are_rgb(tmp_path: Path) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 220
    path = str(tmp_path / "red.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 64))
    for _ in range(5):
        writer.write(red[..., ::-1])
    writer.release()
    image = next(read_frames(path)).image
    assert image is not None
    assert image[32, 32, 0] > 180
    assert image[32, 32, 2] < 60


def test_a_stride_passes_frames_over(clip: Path) -> None:
    frames = list(read_frames(clip, stride=7))
    assert [frame.index for frame in frames] == [0, 7, 14, 21, 28]
    assert frames[1].time == pytest.approx(7 / 20)
    assert [frame.index for frame in read_frames([GREY] * 5, stride=2)] == [0, 2, 4]


def test_a_phones_rotation_is_applied(sideways: Path) -> None:
    image = next(read_frames(sideways)).image
    assert image is not None
    assert image.shape == (320, 240, 3)
    assert image[20, 120].max() < 50  # what was on the left is on top
    assert image[300, 120].min() > 150


def test_what_a_file_says_of_itself(clip: Path) -> None:
    info = video_info(clip)
    assert (info.fps, info.frames) == (20.0, 30)


def test_a_file_that_is_cut_off_says_so_after_its_last_frame(clip: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.avi"
    data = clip.read_bytes()
    short.write_bytes(data[: len(data) // 2])
    *good, last = read_frames(short)
    assert 5 < len(good) < 25
    assert all(frame.error is None for frame in good)
    assert last.image is None
    assert isinstance(last.error, VideoError)
    assert "30 by its header" in last.error.expected


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".webm"])
def test_a_header_that_promises_more_frames_is_no_sign_of_a_cut(
    suffix: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, part = tmp_path / f"whole{suffix}", tmp_path / f"part{suffix}"
    save_video(path, [frame.image for frame in read_frames(clip) if frame.image is not None], fps=9)
    part.write_bytes(path.read_bytes()[:-1])
    for promised in (30, 90, None):  # Matroska's is a guess, and an edit list hides some
        monkeypatch.setattr(reader, "_info", lambda _, n=promised: VideoInfo(9.0, n))
        assert [frame.error for frame in read_frames(path)] == [None] * 30
    if suffix != ".mp4":  # what is missing there is its index, without which nothing is read
        assert isinstance(list(read_frames(part))[-1].error, VideoError)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi"])
def test_a_file_that_was_never_filled_ends_early(suffix: str, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    save_video(path, [frame.image for frame in read_frames(clip) if frame.image is not None], fps=9)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2))
    *good, last = read_frames(path)
    assert 0 < len(good) < 30
    assert isinstance(last.error, VideoError)


def test_a_file_may_go_while_it_is_read(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    save_video(path, [frame.image for frame in read_frames(clip) if frame.image is not None], fps=9)
    frames = read_frames(path)
    next(frames)
    path.unlink()
    assert [frame.error for frame in frames] == [None] * 29


def test_names_with_a_colon_are_files(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("12:30.avi").write_bytes(clip.read_bytes())
    assert video_info("12:30.avi").frames == 30
    pictures = [frame.image for frame in read_frames(Path("12:30.avi")) if frame.image is not None]
    Path("at 12:00").mkdir()
    assert save_video("at 12:00/copy.mp4", pictures, fps=20) == 30


def test_an_unknown_colour_order_is_refused_at_once() -> None:
    with pytest.raises(InvalidArrayError, match="colour order"):
        read_frames([GREY], color="BGR")  # type: ignore[arg-type]


def test_frames_of_an_iterable_that_are_no_images_are_recorded() -> None:
    frames = list(read_frames([GREY, None, GREY], fps=10))  # type: ignore[list-item]
    assert [frame.error is None for frame in frames] == [True, False, True]
    assert isinstance(frames[1].error, InvalidArrayError)
    assert [frame.time for frame in frames] == [0.0, 0.1, 0.2]


def test_an_iterables_colours_are_as_said() -> None:
    bgr = np.zeros((24, 32, 3), np.uint8)
    bgr[..., 2] = 200
    image = next(read_frames([bgr], color="bgr")).image
    assert image is not None
    assert image[0, 0].tolist() == [200, 0, 0]


class Broken:
    """A capture that fails to decode its second frame, and a camera that is unplugged."""

    def __init__(self) -> None:
        self.reads = self.released = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, *_: object) -> bool:
        return True

    def get(self, wanted: int) -> float:
        return {cv2.CAP_PROP_FPS: 90000.0, cv2.CAP_PROP_FRAME_COUNT: -9e18}.get(wanted, 0.0)

    def grab(self) -> bool:
        self.reads += 1
        return self.reads <= 3

    def retrieve(self) -> tuple[bool, Any]:
        if self.reads == 2:
            raise cv2.error("broken packet")
        return True, GREY

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    capture = Broken()
    monkeypatch.setattr(cv2, "VideoCapture", lambda source: capture)
    monkeypatch.setattr("facelage.infer.video.reader._CAMERA_PAUSE", 0.0)
    return capture


def test_a_frame_that_cant_be_decoded_is_recorded(broken: Broken, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert [frame.error is None for frame in frames] == [True, False, True]
    assert "broken packet" in str(frames[1].error)
    # Neither a mad frame rate nor a missing clock is believed.
    assert [frame.time for frame in frames] == pytest.approx([0, 1 / 30, 2 / 30])
    assert broken.released == 1


def test_a_camera_that_stops_raises(broken: Broken) -> None:
    frames = read_frames(0)
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(VideoError, match="camera 0 after 3 frames"):
        next(frames)
    assert broken.released == 1


def test_a_capture_is_released_when_the_frames_are_left(broken: Broken) -> None:
    frames = read_frames(0)
    next(frames)
    frames.close()
    assert broken.released == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoNotFoundError, match=r"gone\.mp4") as caught:
        read_frames(tmp_path / "gone.mp4")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.mp4"):
        read_frames(tmp_path / "text.mp4")


def test_no_stream_is_opened_offline() -> None:
    with pytest.raises(VideoError, match="FACELAGE_OFFLINE"):
        read_frames("rtsp://127.0.0.1/camera")


@pytest.mark.parametrize("source", [GREY, b"bytes", 1.5, None])
def test_what_is_no_source_is_named(source: Any) -> None:
    with pytest.raises(ConfigError, match="iterable of frames"):
        read_frames(source)


def test_cameras_and_streams_are_live() -> None:
    assert is_live(0, None)
    assert is_live("rtsp://127.0.0.1/camera", None)
    assert not is_live(0, False)
    assert not is_live("clip.mp4", None)
    assert not is_live([GREY], None)
    assert is_live([GREY], True)
    with pytest.raises(ConfigError, match="not live"):
        is_live("clip.mp4", True)
