from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from facelage.infer.video import save_video
from facelage.infer.video.container import cut_off

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


def box(name: bytes, content: bytes = b"", *, long: bool = False) -> bytes:
    if long:
        return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), name) + content


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_whole_until_something_of_it_is_missing(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 48, 64, 3), np.uint8)
    path, part = tmp_path / f"clip{suffix}", tmp_path / f"part{suffix}"
    save_video(path, noise, fps=25)
    data = path.read_bytes()
    assert cut_off(path) is False
    for end in (len(data) // 3, len(data) // 2, len(data) - 1):
        part.write_bytes(data[:end])
        assert cut_off(part) is True
    part.write_bytes(data + b"\0" * 5)  # less than another box
    assert cut_off(part) is False
    part.write_bytes(data[:-2000] + b"\0" * 2000)  # set aside, and never filled
    assert cut_off(part) is not False


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (box(b"ftyp") + box(b"mdat", b"x" * 50, long=True), False),
        (box(b"ftyp") + box(b"mdat", b"x" * 50, long=True)[:-1], True),
        (box(b"ftyp") + struct.pack(">I4s", 0, b"mdat") + b"x" * 9, None),  # to the end
        (box(b"ftyp") + struct.pack(">I4s", 3, b"mdat") + b"x" * 9, None),  # no box is so short
        (b"RIFF" + struct.pack("<I", 30) + b"AVI " + b"x" * 9, None),  # the frames tell it
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x84abcd", False),
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x40\x05abcd", True),  # a size of two bytes
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\xffabcd", None),  # a recording's: not known
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"abcd", None),
        (b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80", None),
        (b"\x1a\x45\xdf\xa3", None),
        (b"no video", None),
        (b"", None),
    ],
)
def test_each_kind_says_it_in_its_own_way(
    content: bytes, expected: bool | None, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert cut_off(tmp_path / "file") is expected


def test_a_file_that_is_gone_says_nothing(tmp_path: Path) -> None:
    assert cut_off(tmp_path / "gone.mp4") is None
