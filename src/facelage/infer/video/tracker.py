"""Which face of a frame is which face of the frames before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelage.data.detect.base import Box, box_iou
from facelage.errors import ConfigError
from facelage.infer.video.assignment import assign

# Lengths are in face sizes, so that near and far faces move alike.
#: Standard deviation of a detector's box from the true one.
_BOX_NOISE = 0.04
#: How much a face's speed changes in a second (root of the white-noise acceleration's density).
_POSITION_UNREST, _SIZE_UNREST = 1.5, 0.5
#: Standard deviation of a new face's speed, sizes a second.
_FIRST_SPEED = 2.0
#: Seconds after which growth is forgotten: a face does not grow for ever.
_GROWTH_MEMORY = 0.5
#: A track is given up only after more detector runs without it than this.
_FEWEST_MISSES = 2


@dataclass(slots=True)
class Track:
    """A face that is followed.

    Attributes
    ----------
    id:
        1, 2, ... in the order of appearance; never used again.
    state:
        4 x 2: value and speed a second of the box's centre x, centre y (pixels),
        log width and log height.
    covariance:
        4 x 2 x 2, one matrix for each of the four.
    time:
        Seconds that the state is of.
    last_seen:
        Seconds when the detector last found it.
    missed:
        Detector runs without it since then.
    """

    id: int
    state: NDArray[np.float64]
    covariance: NDArray[np.float64]
    time: float
    last_seen: float
    missed: int = 0

    @property
    def box(self) -> Box:
        """(left, top, right, bottom) in pixels, where the face should be at `time`."""
        x, y, log_width, log_height = self.state[:, 0]
        half_width, half_height = math.exp(log_width) / 2, math.exp(log_height) / 2
        return (
            float(x - half_width),
            float(y - half_height),
            float(x + half_width),
            float(y + half_height),
        )

    def _units(self) -> NDArray[np.float64]:
        size = math.exp((self.state[2, 0] + self.state[3, 0]) / 2)
        return np.array([size, size, 1.0, 1.0])

    def _predict(self, time: float) -> None:
        step = max(0.0, time - self.time)
        self.time = max(self.time, time)
        decay = math.exp(-step / _GROWTH_MEMORY)
        grow = [[1.0, _GROWTH_MEMORY * (1.0 - decay)], [0.0, decay]]
        go = [[1.0, step], [0.0, 1.0]]
        move = np.array([go, go, grow, grow])
        unrest = np.array([_POSITION_UNREST] * 2 + [_SIZE_UNREST] * 2) * self._units()
        noise = np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        self.state = np.einsum("kij,kj->ki", move, self.state)
        self.covariance = move @ self.covariance @ move.transpose(0, 2, 1)
        self.covariance += unrest[:, None, None] ** 2 * noise

    def _correct(self, seen: NDArray[np.float64]) -> None:
        variance = self.covariance[:, 0, 0] + (_BOX_NOISE * self._units()) ** 2
        gain = self.covariance[:, :, 0] / variance[:, None]
        self.state = self.state + gain * (seen - self.state[:, 0])[:, None]
        self.covariance = self.covariance - gain[:, :, None] * self.covariance[:, None, 0, :]
        self.last_seen, self.missed = self.time, 0


class Tracker:
    """Follows faces by their boxes, as SORT does (Bewley et al., ICIP 2016).

    Each face has a Kalman filter of constant speed. A frame's boxes go to the
    predicted ones by the pairing of the largest total overlap. Boxes are
    widened before they are compared, the more the longer a face was not seen
    (as C-BIoU does: Yang et al., WACV 2023), so that faces that move by more
    than their size are not lost. A face that is hidden for a while moves on
    unseen and keeps its id; who it is is not looked at.

    Parameters
    ----------
    max_lost:
        Seconds for which a face that is not found keeps its id.
    min_overlap:
        Smallest intersection over union, after widening, of one face in two
        frames; above 0 and below 1.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    def __init__(self, *, max_lost: float = 1.0, min_overlap: float = 0.1) -> None:
        if not max_lost >= 0:
            raise ConfigError("max_lost is out of range", got=str(max_lost), expected="0 or more")
        if not 0 < min_overlap < 1:
            raise ConfigError("min_overlap is out of range", got=str(min_overlap), expected="0..1")
        self.max_lost = max_lost
        self.min_overlap = min_overlap
        self._tracks: list[Track] = []
        self._ids = 0

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The faces that are followed, those lost for a while included, by id."""
        return tuple(self._tracks)

    def advance(self, time: float) -> None:
        """Move all faces to `time` (seconds) at their speeds: a frame that no detector saw."""
        for track in self._tracks:
            track._predict(time)

    def update(self, boxes: Sequence[Box], time: float) -> list[int]:
        """Take in what a detector found.

        Parameters
        ----------
        boxes:
            (left, top, right, bottom) in pixels, of positive size, in any order.
        time:
            Seconds, not before those of the calls before.

        Returns
        -------
        list of int
            The id of each box, in their order, none twice.
        """
        self.advance(time)
        seen = [_measured(box) for box in boxes]
        # In an order of their own, so that the caller's order does not choose between equals.
        order = sorted(range(len(boxes)), key=lambda n: (-seen[n][2] - seen[n][3], boxes[n]))
        pairs = assign([[self._similarity(t, boxes[n]) for n in order] for t in self._tracks])
        ids = {order[column]: self._tracks[row] for row, column in pairs}
        for track in self._tracks:
            track.missed += 1
        for number, track in ids.items():
            track._correct(seen[number])
        self._tracks = [
            track
            for track in self._tracks
            if track.missed <= _FEWEST_MISSES or time - track.last_seen <= self.max_lost
        ]
        for number in order:
            if number not in ids:
                ids[number] = self._start(seen[number], time)
                self._tracks.append(ids[number])
        return [ids[number].id for number in range(len(boxes))]

    def _start(self, seen: NDArray[np.float64], time: float) -> Track:
        self._ids += 1
        state = np.column_stack([seen, np.zeros(4)])
        track = Track(self._ids, state, np.zeros((4, 2, 2)), time, time)
        units = track._units()
        track.covariance[:, 0, 0] = (_BOX_NOISE * units) ** 2
        track.covariance[:, 1, 1] = (_FIRST_SPEED * units) ** 2
        return track

    def _similarity(self, track: Track, box: Box) -> float:
        hidden = track.time - track.last_seen
        overlap = box_iou(track.box, box, widen=min(1.0, 0.2 + 0.5 * hidden))
        if overlap < self.min_overlap:
            return 0.0
        # Between two faces that fit, the one that was in sight has it.
        return overlap / (1.0 + hidden) if track.missed else overlap


def _measured(box: Box) -> NDArray[np.float64]:
    left, top, right, bottom = box
    return np.array(
        [
            (left + right) / 2,
            (top + bottom) / 2,
            math.log(right - left),
            math.log(bottom - top),
        ]
    )
