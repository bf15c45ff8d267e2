from __future__ import annotations

import numpy as np
import pytest

from facelage.data.detect.base import Box
from facelage.infer import FaceAge, TrackedFace, VideoFrame
from facelage.infer.video.draw import draw

GREY = np.full((480, 640, 3), 90, np.uint8)


def face(box: Box, track: int = 1, label: int = 31) -> TrackedFace:
    return TrackedFace(track, FaceAge(31.2, box, None, 0.9, "yunet", "m"), 31.0, label, 5)


def label_place(image: np.ndarray, box: Box) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the label's ground."""
    drawn = draw(image, [face(box)])
    rows, columns = np.nonzero((drawn == (0, 114, 178)).all(axis=2))
    # The ground's rows are full; the frame's sides are two thin lines.
    full = [row for row in np.unique(rows) if (rows == row).sum() > 12 and row < box[1]]
    inside = columns[rows == full[len(full) // 2]]
    return full[0], full[-1], inside.min(), inside.max()


def test_the_frame_draws_a_copy() -> None:
    frame = VideoFrame(0, 0.0, GREY, (face((200, 150, 330, 320)),))
    drawn = frame.annotate()
    assert (GREY == 90).all()
    assert (drawn != GREY).any()
    assert not np.array_equal(drawn, frame.annotate(ids=True))


def test_a_label_has_one_size_whatever_the_faces() -> None:
    small = label_place(GREY, (200, 150, 260, 230))
    large = label_place(GREY, (200, 150, 420, 430))
    assert small[1] - small[0] == pytest.approx(large[1] - large[0], abs=2)
    assert small[3] - small[2] == pytest.approx(large[3] - large[2], abs=2)
    assert 18 <= small[1] - small[0] <= 40  # readable at 640 x 480


def test_a_label_does_not_jump_when_a_face_leaves_at_the_top() -> None:
    """The lower end of the label follows the box without a leap."""
    drawn = [draw(GREY, [face((200, top, 330, top + 170))]) for top in range(60, -60, -1)]
    ground = [(image == (0, 114, 178)).all(axis=2)[:, 215:225] for image in drawn]
    lowest = []
    for rows in ground:
        full = np.nonzero(rows.sum(axis=1) > 4)[0]
        top_label = full[full < 100]
        lowest.append(top_label.max())
    assert np.abs(np.diff(lowest)).max() <= 3


def test_tracks_have_colours_of_their_own() -> None:
    boxes = [(100.0, 150.0, 200.0, 280.0), (400.0, 150.0, 500.0, 280.0)]
    first, second = (draw(GREY, [face(boxes[0], track)]) for track in (1, 2))
    assert not np.array_equal(first, second)
    # Any number of tracks can be drawn, and every label's text stands out.
    for track in range(1, 20):
        drawn = draw(GREY, [face(boxes[0], track)])
        light = drawn.astype(float) @ (0.299, 0.587, 0.114)
        label = light[120:150, 100:140]
        assert label.max() - label.min() > 60


def test_small_and_large_pictures_are_drawn_on() -> None:
    for shape in ((1, 1, 3), (8, 2000, 3), (2160, 3840, 3)):
        image = np.zeros(shape, np.uint8)
        assert draw(image, [face((0.0, 0.0, 10.0, 10.0))]).shape == shape
