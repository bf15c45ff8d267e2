"""What an image's header says, read without decoding a pixel.

OpenCV tells neither an image's size before decoding it, nor whether the file
is complete, nor whether it carries transparency. All three matter before any
memory is spent, so this module reads them from the few bytes that hold them.
Formats: JPEG, PNG, WebP, BMP, GIF and TIFF.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from facelage.errors import UnreadableImageError

SUPPORTED_FORMATS = ("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format, stored size in pixels (before any EXIF rotation), alpha and completeness.

    `orientation` is EXIF's, 1 to 8, of a JPEG; 1 if it has none, and for other formats.
    """

    format: str
    width: int
    height: int
    has_alpha: bool = False
    complete: bool = True
    orientation: int = 1


def read_header(data: bytes) -> ImageHeader:
    """Read the header of an encoded image.

    Raises
    ------
    UnreadableImageError
        If the bytes are empty, of an unsupported format or cut off inside the header.
    """
    if not data:
        raise UnreadableImageError(
            "the image is empty", got="0 bytes", expected=" or ".join(SUPPORTED_FORMATS)
        )
    for matches, parse in _PARSERS:
        if matches(data):
            try:
                header = parse(data)
            except (struct.error, IndexError, ValueError) as error:
                raise UnreadableImageError(
                    "the image's header is broken or cut off",
                    got=f"{len(data)} bytes starting with {data[:8]!r}",
                    fix="get the file again from its source",
                ) from error
            if header.width <= 0 or header.height <= 0:
                raise UnreadableImageError(
                    "the image's header announces no pixels",
                    got=f"{header.width} x {header.height}",
                )
            return header
    heic = data[4:8] == b"ftyp"
    raise UnreadableImageError(
        "not an image that facelage can read",
        got=f"{len(data)} bytes starting with {data[:12]!r}",
        expected=" or ".join(SUPPORTED_FORMATS),
        fix="open HEIC and AVIF with pillow-heif and pass the PIL image"
        if heic
        else "convert the file, or decode it yourself and pass the array",
    )


def _jpeg(data: bytes) -> ImageHeader:
    position = 2
    size: tuple[int, int] | None = None
    orientation = 1
    while True:
        if data[position] != 0xFF:
            raise ValueError("marker expected")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD9)):  # markers without a length
            position += 2
            continue
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            size = (width, height)
        if marker == 0xE1 and data[position + 4 : position + 10] == b"Exif\0\0":
            orientation = _orientation(data[position + 10 : position + 2 + length])
        if marker == 0xDA:  # start of scan: the entropy-coded data follows
            if size is None:
                raise ValueError("scan before frame")
            # 0xFFD9 can't occur inside entropy-coded data, where 0xFF is stuffed.
            complete = data.rfind(b"\xff\xd9", position) >= 0
            return ImageHeader("JPEG", *size, complete=complete, orientation=orientation)
        position += 2 + length


def _png(data: bytes) -> ImageHeader:
    width, height, _depth, colour_type = struct.unpack(">IIBB", data[16:26])
    # tRNS makes a palette, grey or RGB image transparent; it precedes the first IDAT.
    first_data = data.find(b"IDAT")
    transparent = 0 <= data.find(b"tRNS", 33) < (first_data if first_data >= 0 else len(data))
    return ImageHeader(
        "PNG",
        width,
        height,
        has_alpha=colour_type in (4, 6) or transparent,
        complete=b"IEND" in data[-64:] or data.rfind(b"IEND") > first_data,
    )


def _webp(data: bytes) -> ImageHeader:
    (riff_size,) = struct.unpack("<I", data[4:8])
    complete = len(data) >= riff_size + 8
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF, complete=complete)
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        alpha = bool(bits >> 28 & 1)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha, complete)
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        if len(data) < 30:
            raise ValueError("cut off")
        return ImageHeader("WebP", width, height, bool(data[20] & 0x10), complete)
    raise ValueError("unknown WebP chunk")


def _bmp(data: bytes) -> ImageHeader:
    file_size, _, _, offset, _ = struct.unpack("<IHHII", data[2:18])
    # The 12 bytes of OS/2's header have shorter numbers.
    short = data[14:18] == b"\x0c\0\0\0"
    width, height = struct.unpack(*(("<HH", data[18:22]) if short else ("<ii", data[18:26])))
    complete = len(data) > offset and len(data) >= min(file_size, offset + 1)
    return ImageHeader("BMP", abs(width), abs(height), complete=complete)


def _gif(data: bytes) -> ImageHeader:
    width, height = struct.unpack("<HH", data[6:10])
    # Any frame may have a transparent colour; looking for it is dearer than decoding twice.
    return ImageHeader("GIF", width, height, has_alpha=True, complete=b"\x3b" in data[-16:])


def _tiff(data: bytes) -> ImageHeader:
    values = _first_directory(data)
    # Tags: 256 width, 257 height, 338 extra samples (present where there is an alpha).
    return ImageHeader("TIFF", values.get(256, 0), values.get(257, 0), has_alpha=338 in values)


def _orientation(exif: bytes) -> int:
    """EXIF's orientation (tag 274); 1 where it is missing, broken or out of range."""
    try:
        value = _first_directory(exif).get(274, 1)
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def _first_directory(data: bytes) -> dict[int, int]:
    """The numbers in a TIFF's first directory, by tag; EXIF data are a small TIFF."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack(order + "I", data[4:8])
    (count,) = struct.unpack(order + "H", data[start : start + 2])
    values: dict[int, int] = {}
    for index in range(count):
        entry = data[start + 2 + 12 * index : start + 14 + 12 * index]
        tag, kind, _ = struct.unpack(order + "HHI", entry[:8])
        field = entry[8:10] if kind == 3 else entry[8:12]
        values[tag] = struct.unpack(order + ("H" if kind == 3 else "I"), field)[0]
    return values


_PARSERS = (
    (lambda data: data[:3] == b"\xff\xd8\xff", _jpeg),
    (lambda data: data[:8] == b"\x89PNG\r\n\x1a\n", _png),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
    (lambda data: data[:2] == b"BM", _bmp),
    (lambda data: data[:6] in (b"GIF87a", b"GIF89a"), _gif),
    (lambda data: data[:4] in (b"II*\0", b"MM\0*"), _tiff),
)
