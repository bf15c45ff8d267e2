from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.cli.video import _drawn
from facelage.errors import UnreadableImageError, VideoError
from facelage.infer.video import VideoFrame, save_video, video_info
from facelage.infer.video.reader import read_frames


@pytest.fixture(scope="module")
def clip(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames of the astronaut, who moves a little."""
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    save_video(path, [astronaut[0:240, 100 + n : 340 + n] for n in range(8)], fps=12.5)
    return path


def test_a_video_with_ages_and_a_table_of_faces(
    facelage: Callable, clip: Path, tmp_path: Path
) -> None:
    out, rows_file = tmp_path / "out.mp4", tmp_path / "ages.csv"
    done = facelage("video", clip, out, "--csv", rows_file, "--detector", "haar")
    assert done.code == 0, done.err
    heading, row = done.out.splitlines()
    assert heading.split() == ["face", "age", "from", "to", "frames"]
    face, age, first, last, frames = row.split()
    assert (face, first, last, frames) == ("1", "0:00.0", "0:00.6", "8")
    assert 22 <= float(age) <= 50
    assert "wrote" in done.err
    assert "video:" in done.err  # the progress bar

    info = video_info(out)
    assert (info.fps, info.frames) == (12.5, 8)
    before, after = next(read_frames(clip)).image, next(read_frames(out)).image
    assert before is not None
    assert after is not None
    assert np.abs(before.astype(int) - after).max() > 100  # the box

    with open(rows_file, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["frame"] for row in rows] == [str(n) for n in range(8)]
    assert {row["track"] for row in rows} == {"1"}
    assert float(rows[-1]["age"]) == pytest.approx(float(age), abs=0.06)
    assert float(rows[3]["left"]) < float(rows[3]["right"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ages.csv", "out.mp4"]


def test_a_stride_makes_fewer_frames_of_the_same_length(
    facelage: Callable, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.avi"
    options = ("--stride", 2, "--detect-every", 2, "--no-progress", "--detector", "haar")
    done = facelage("video", clip, out, *options)
    assert done.code == 0, done.err
    assert "video:" not in done.err
    info = video_info(out)
    assert (info.fps, info.frames) == (6.25, 4)
    assert done.out.splitlines()[1].split()[-1] == "2"  # of four frames two were looked at


def test_a_video_that_is_cut_off_is_written_as_far_as_it_goes(
    facelage: Callable, clip: Path, tmp_path: Path
) -> None:
    short, out = tmp_path / "short.avi", tmp_path / "out.avi"
    data = clip.read_bytes()
    short.write_bytes(data[: len(data) // 2])
    done = facelage("video", short, out, "--no-progress", "--detector", "haar")
    assert done.code == 3
    assert "the video ends early" in done.err
    frames = video_info(out).frames
    assert frames is not None
    assert 1 <= frames <= 5


def test_a_video_without_faces_is_no_error(facelage: Callable, tmp_path: Path) -> None:
    clip, out = tmp_path / "grey.avi", tmp_path / "out.avi"
    save_video(clip, [np.full((120, 160, 3), 99, np.uint8)] * 2, fps=10)
    done = facelage("video", clip, out, "--no-progress", "--detector", "haar")
    assert done.code == 0
    assert "no face was found" in done.err
    assert video_info(out).frames == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("gone.avi", "out.mp4"), "no such video"),
        (("clip.avi", "out.txt"), "can't write this video format"),
        (("clip.avi", "clip.avi"), "OUT is IN"),
        (("clip.avi", "out.mp4", "--csv", "clip.avi"), "the ages' file is a video"),
        (("clip.avi", "out.mp4", "--csv", "out.mp4"), "the ages' file is a video"),
    ],
)
def test_what_can_not_be_done_is_said_before_anything_is_written(
    facelage: Callable, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    save_video(tmp_path / "clip.avi", [np.full((120, 160, 3), 99, np.uint8)], fps=10)
    content = (tmp_path / "clip.avi").read_bytes()
    words = (name if name.startswith("--") else tmp_path / name for name in arguments)
    done = facelage("video", *words, "--detector", "haar")
    assert done.code == 1
    assert problem in done.err
    assert (tmp_path / "clip.avi").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["clip.avi"]


def shown(times: list[float], fps: float, unreadable: tuple[int, ...] = ()) -> list[int]:
    """The number of the frame that each written one shows, of frames at these times."""
    frames = [
        VideoFrame(
            n, time, None if n in unreadable else np.full((8, 8, 3), n, np.uint8), (),
            UnreadableImageError("no picture") if n in unreadable else None,
        )
        for n, time in enumerate(times)
    ]  # fmt: skip
    frames.append(VideoFrame(len(times), times[-1] + 1, None, (), VideoError("ends early")))
    return [int(image[0, 0, 0]) for image in _drawn(frames, False, fps)]


def test_an_even_rate_keeps_every_frame() -> None:
    assert shown([n / 12.5 for n in range(200)], 12.5) == list(range(200))
    assert shown([n / 10 for n in range(9)], 10, unreadable=(0, 4)) == [1, 2, 3, 3, 5, 6, 7, 8]
    # A phone's: a little early here, a little late there.
    uneven = [n / 30 + 0.1 * np.sin(n) for n in range(200)]
    assert shown(uneven, 30) == list(range(200))


@given(
    st.lists(st.floats(0.001, 4), min_size=1, max_size=60),
    st.floats(2, 60),
)
def test_no_frame_is_far_from_its_time(gaps: list[float], fps: float) -> None:
    times = [0.0, *np.cumsum(gaps)]
    written = shown(times, fps)
    assert written == sorted(written)
    for place, number in enumerate(written):
        until = times[number + 1] if number + 1 < len(times) else times[number]
        assert times[number] - 0.501 <= place / fps <= until + 0.501
    assert abs(len(written) / fps - times[-1]) <= 0.501 + 1 / fps


def test_a_frame_an_hour_is_shown_at_the_usual_rate() -> None:
    assert shown([3600.0 * n for n in range(50)], 30) == list(range(50))
