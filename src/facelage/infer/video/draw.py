"""Draw the ages into frames so that nothing trembles."""

from __future__ import annotations

from collections.abc import Sequence

from facelage.data.images import UInt8Image
from facelage.infer.annotate import draw_face
from facelage.infer.video.result import TrackedFace

# RGB, from the Okabe-Ito set, which people with any colour vision tell apart; each with the
# text colour that reads better on it. The first is that of photos.
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_COLOURS = (
    ((0, 114, 178), _WHITE),
    ((213, 94, 0), _WHITE),
    ((0, 158, 115), _BLACK),
    ((240, 228, 66), _BLACK),
    ((204, 121, 167), _BLACK),
    ((86, 180, 233), _BLACK),
)


def draw(image: UInt8Image, faces: Sequence[TrackedFace], *, ids: bool = False) -> UInt8Image:
    """A copy of `image` (H x W x 3, RGB, uint8) with a box and an age for each face.

    Each track has a colour. Labels have one size, whatever the face's.
    """
    canvas = image.copy()
    unit = max(0.5, min(canvas.shape[:2]) / 480)
    for face in reversed(faces):  # near faces over far ones
        colour, text_colour = _COLOURS[(face.track - 1) % len(_COLOURS)]
        text = f"#{face.track}  {face.label}" if ids else str(face.label)
        draw_face(
            canvas,
            face.face.box,
            text,
            scale=0.8 * unit,
            line=max(1, round(2 * unit)),
            colour=colour,
            text_colour=text_colour,
            steady=True,
        )
    return canvas
