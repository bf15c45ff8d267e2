"""Whether a video file is as long as its container says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_TAIL = 1024


def cut_off(path: str | os.PathLike[str]) -> bool | None:
    """Whether a file ends before its container does; None where that can't be told.

    Told by the sizes in the file itself: of the last box of MP4 and MOV (ISO/IEC 14496-12,
    4.2), or of the segment of Matroska and WebM (RFC 8794, 6; RFC 9559, 5.1), and by a last KiB
    of zeros, as in a file that was set aside and never filled. A number of frames in a header
    can't tell it there: an edit list hides some, and Matroska has none. That of AVI can.
    """
    try:
        size = Path(path).stat().st_size
        with Path(path).open("rb") as stream:
            start, end = stream.read(12), None
            if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
                end = _boxes_end(stream, size)
            elif start[:4] == b"\x1a\x45\xdf\xa3":
                end = _segment_end(stream)
            if end is None:
                return None
            stream.seek(max(0, size - _TAIL))
            return end > size or not any(stream.read(_TAIL))
    except OSError:
        return None


def _boxes_end(stream: BinaryIO, size: int) -> int | None:
    """Where the last box ends; None if it says no length: then it goes on to the file's end."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # a long one, whose length comes behind the name
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return None
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
