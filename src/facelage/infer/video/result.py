"""What a frame of a video holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facelage.data.images import UInt8Image
from facelage.errors import FacelageError, VideoError
from facelage.infer.result import FaceAge


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face in a frame, and which face of the video it is.

    Attributes
    ----------
    track:
        The face's id: the same in every frame, 1, 2, ... by appearance.
    face:
        The face. Its age (years) and interval are smoothed over the frames so
        far, and its box is the tracker's, which follows the detector's without
        its tremor. In a frame where the detector did not run or missed the
        face, the box is where it should be, and landmarks and score are None.
    raw_age:
        The age of this frame alone, in years; None where the face was not
        detected.
    label:
        `face.age` in whole years, to show: it does not flicker between two.
    frames:
        Frames of this face that have been aged so far.
    """

    track: int
    face: FaceAge
    raw_age: float | None
    label: int
    frames: int

    @property
    def age(self) -> float:
        """The smoothed age in years: ``face.age``."""
        return self.face.age

    @property
    def detected(self) -> bool:
        """Whether the detector found the face in this very frame."""
        return self.raw_age is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: that of the face, with track, raw_age, label and frames."""
        return {
            "track": self.track,
            **self.face.to_dict(),
            "raw_age": None if self.raw_age is None else round(self.raw_age, 2),
            "label": self.label,
            "frames": self.frames,
        }


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A frame of a video with its faces, or what was wrong with it.

    Attributes
    ----------
    index:
        The frame's number in the source, from 0. Frames passed over leave gaps.
    time:
        Seconds since the source's first frame.
    image:
        H x W x 3, RGB, uint8; None if the frame could not be read.
    faces:
        The faces, largest first.
    error:
        Why the frame could not be read, or its faces not be looked for; None otherwise.
    """

    index: int
    time: float
    image: UInt8Image | None
    faces: tuple[TrackedFace, ...] = ()
    error: FacelageError | None = None

    def annotate(self, *, ids: bool = False) -> UInt8Image:
        """A copy of the image (H x W x 3, RGB, uint8), faces boxed and labelled with their ages.

        Parameters
        ----------
        ids:
            Whether labels also show the track, as ``#1``.

        Raises
        ------
        VideoError
            If the frame could not be read.
        """
        from facelage.infer.video.draw import draw

        if self.image is None:
            raise VideoError(
                "there is no image to draw on", got=f"frame {self.index}: {self.error}"
            )
        return draw(self.image, self.faces, ids=ids)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the image."""
        return {
            "frame": self.index,
            "time": round(self.time, 3),
            "faces": [face.to_dict() for face in self.faces],
            "error": str(self.error) if self.error else None,
        }
