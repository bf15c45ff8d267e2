from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.detect.base import Box
from facelage.errors import ConfigError
from facelage.infer.video import Tracker

STEP = 1 / 30


def box(x: float, y: float = 200.0, side: float = 80.0) -> Box:
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


boxes = st.builds(box, st.floats(0, 640), st.floats(0, 480), st.floats(8, 300))
frames = st.lists(st.lists(boxes, max_size=5), min_size=1, max_size=6)


@given(frames)
def test_ids_are_unique_in_a_frame_and_new_ones_count_up(frames: list[list[Box]]) -> None:
    tracker, highest = Tracker(), 0
    for number, found in enumerate(frames):
        ids = tracker.update(found, number * STEP)
        assert len(ids) == len(set(ids)) == len(found)
        new = sorted(i for i in ids if i > highest)
        assert new == list(range(highest + 1, highest + 1 + len(new)))
        highest += len(new)
    assert {track.id for track in tracker.tracks} <= set(range(1, highest + 1))


@given(frames, st.randoms(use_true_random=False))
def test_the_order_of_the_boxes_changes_no_id(
    frames: list[list[Box]], shuffle: random.Random
) -> None:
    plain, other = Tracker(), Tracker()
    for number, found in enumerate(frames):
        order = list(range(len(found)))
        shuffle.shuffle(order)
        ids = plain.update(found, number * STEP)
        shuffled = other.update([found[n] for n in order], number * STEP)
        # Of two equal boxes either may have either id.
        assert sorted(zip(found, ids, strict=True)) == sorted(
            (found[n], i) for n, i in zip(order, shuffled, strict=True)
        )


@given(boxes, st.integers(2, 20), st.floats(0.001, 0.5))
def test_a_still_face_keeps_its_id_and_its_box(face: Box, count: int, step: float) -> None:
    tracker = Tracker()
    for number in range(count):
        assert tracker.update([face], number * step) == [1]
    [track] = tracker.tracks
    assert track.box == pytest.approx(face, abs=1e-6)


@given(st.integers(0, 2**20), st.floats(-1000, 1000), st.floats(0.25, 4))
def test_ids_do_not_depend_on_place_and_scale(seed: int, shift: float, zoom: float) -> None:
    plain, moved, rng = Tracker(), Tracker(), np.random.default_rng(seed)
    for number in range(4):
        found = [box(*rng.uniform((0, 0, 20), (640, 480, 200))) for _ in range(rng.integers(6))]
        there = [tuple(zoom * (edge + shift) for edge in face) for face in found]
        ids = plain.update(found, number * STEP)
        assert moved.update(there, number * STEP) == ids  # type: ignore[arg-type]


@given(st.floats(-2.5, 2.5), st.floats(-2.5, 2.5), st.integers(0, 2**20))
def test_a_moving_face_is_followed_and_trembles_less(vx: float, vy: float, seed: int) -> None:
    """Speeds in face sizes a second, and a detector that errs by 2 % of the face."""
    tracker, rng = Tracker(), np.random.default_rng(seed)
    seen, followed, truth = [], [], []
    for number in range(60):
        x, y = 300 + 80 * vx * number * STEP, 200 + 80 * vy * number * STEP
        noise = rng.normal(0, 0.02 * 80, 4)
        found = tuple(np.array(box(x, y)) + noise)
        assert tracker.update([found], number * STEP) == [1]  # type: ignore[list-item]
        seen.append(found)
        followed.append(tracker.tracks[0].box)
        truth.append(box(x, y))
    error = np.abs(np.array(followed[15:]) - np.array(truth[15:])).mean()
    assert error < np.abs(np.array(seen[15:]) - np.array(truth[15:])).mean()
    # What the eye sees: how much the box's way bends from frame to frame.
    assert np.diff(followed[15:], 2, axis=0).std() < 0.6 * np.diff(seen[15:], 2, axis=0).std()


@pytest.mark.parametrize("hidden", [0, 4, 12])
@pytest.mark.parametrize("front", [1, -1])
def test_two_faces_that_cross_keep_their_ids(hidden: int, front: int) -> None:
    """Both move by 1.5 sizes a second; of the middle frames only one is seen."""
    tracker, names = Tracker(), {}
    for number in range(-30, 31):
        way = 120 * number * STEP
        found = {"right": box(320 + way, 205), "left": box(320 - way, 195, 75)}
        if abs(number) <= hidden / 2 and hidden:
            del found["left" if front > 0 else "right"]
        ids = tracker.update(list(found.values()), (number + 30) * STEP)
        names.setdefault(number, dict(zip(found, ids, strict=True)))
    assert names[30] == names[-30]
    assert {i for frame in names.values() for i in frame.values()} == {1, 2}


def test_a_face_that_is_missed_keeps_its_id_for_a_while() -> None:
    tracker = Tracker(max_lost=1.0)
    for number in range(10):
        tracker.update([box(100 + 2 * number)], number * STEP)
    for number in range(10, 30):
        tracker.update([], number * STEP)
    assert tracker.tracks[0].missed == 20
    assert tracker.update([box(160)], 30 * STEP) == [1]
    for number in range(31, 80):
        tracker.update([], number * STEP)
    assert tracker.tracks == ()
    assert tracker.update([box(160)], 80 * STEP) == [2]


def test_a_slow_camera_does_not_lose_a_face_at_the_first_miss() -> None:
    tracker = Tracker(max_lost=0.5)
    tracker.update([box(100)], 0.0)
    tracker.update([], 1.0)
    assert tracker.update([box(100)], 2.0) == [1]


def test_a_new_face_elsewhere_is_another_one() -> None:
    tracker = Tracker()
    tracker.update([box(100)], 0.0)
    assert tracker.update([box(500), box(100)], STEP) == [2, 1]


def test_between_detections_a_box_moves_on() -> None:
    tracker = Tracker()
    for number in range(20):
        tracker.update([box(100 + 3 * number)], number * STEP)
    tracker.advance(24 * STEP)
    assert tracker.tracks[0].box == pytest.approx(box(172), abs=1.5)
    assert tracker.tracks[0].missed == 0


def test_growth_stops_when_a_face_is_not_seen() -> None:
    tracker = Tracker()
    for number in range(20):
        tracker.update([box(300, 200, 40 * 1.04**number)], number * STEP)
    size = tracker.tracks[0].box[2] - tracker.tracks[0].box[0]
    tracker.advance(60.0)
    left, top, right, bottom = tracker.tracks[0].box
    assert right - left < 3 * size
    assert all(map(math.isfinite, (left, top, right, bottom)))


@pytest.mark.parametrize("settings", [{"max_lost": -1}, {"min_overlap": 0}, {"min_overlap": 1}])
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Tracker(**settings)
