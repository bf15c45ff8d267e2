"""Whether a video file is as long as its container says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def cut_off(path: str | os.PathLike[str]) -> bool | None:
    """Whether a file ends before its container does; None where the container does not say.

    Told by the sizes in the file itself: of the last box of MP4 and MOV (ISO/IEC 14496-12,
    4.2), of the segment of Matroska and WebM (RFC 8794, 6; RFC 9559, 5.1), of the last RIFF
    chunk of AVI. A number of frames in a header can't tell it: an edit list hides some, and
    Matroska has none.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as stream:
        start = stream.read(12)
        if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return _boxes_end(stream, size) > size
        if start[:4] == b"\x1a\x45\xdf\xa3":
            end = _segment_end(stream)
            return None if end is None else end > size
        if start[:4] == b"RIFF" and start[8:] == b"AVI ":
            return _chunks_end(stream, size) > size
    return None


def _boxes_end(stream: BinaryIO, size: int) -> int:
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # a long one, whose length comes behind the name
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: to the end of the file
            return size
        at += length
    return at


def _segment_end(stream: BinaryIO) -> int | None:
    """Where the segment behind the EBML header ends; None if it is not said."""
    stream.seek(4)
    header = _ebml_number(stream)
    if header is None:
        return None
    stream.seek(header, os.SEEK_CUR)
    if stream.read(4) != b"\x18\x53\x80\x67":
        return None
    length = _ebml_number(stream)
    return None if length is None else stream.tell() + length


def _ebml_number(stream: BinaryIO) -> int | None:
    """A number of 1 to 8 bytes, whose first one bit says how many; None if it is "unknown"."""
    first = stream.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + stream.read(more), "big")
    return None if value == (1 << 7 * (more + 1)) - 1 else value


def _chunks_end(stream: BinaryIO, size: int) -> int:
    at = 0
    while at + 8 <= size:  # long files have several
        stream.seek(at)
        head = stream.read(8)
        if head[:4] != b"RIFF":
            break
        at += 8 + int.from_bytes(head[4:], "little")
        at += at % 2
    return at
