from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from facelage.errors import VideoError
from facelage.infer.video.live import newest
from facelage.infer.video.reader import RawFrame

WAIT = 10.0


class Source:
    """Frames that come when they are let go."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.gates = [threading.Event() for _ in range(count + 1)]
        self.given = [threading.Event() for _ in range(count + 1)]
        self.closed = threading.Event()

    def frames(self) -> Iterator[RawFrame]:
        try:
            for number in range(self.count):
                assert self.gates[number].wait(WAIT)
                # Asking for the next frame means that this one has been put down.
                yield RawFrame(number, float(number))
                self.given[number].set()
            assert self.gates[self.count].wait(WAIT)
            if self.error:
                raise self.error
        finally:
            self.closed.set()

    def let(self, *numbers: int) -> None:
        for number in numbers:
            self.gates[number].set()
            if number < self.count:
                assert self.given[number].wait(WAIT)


def test_frames_that_came_meanwhile_are_dropped_for_the_newest() -> None:
    source = Source(6)
    frames = newest(source.frames())
    source.gates[0].set()
    assert next(frames).index == 0
    source.let(1, 2, 3)
    assert next(frames).index == 3
    source.let(4, 5, 6)
    assert [frame.index for frame in frames] == [5]
    assert source.closed.is_set()


def test_an_error_of_the_source_is_raised_after_the_last_frame() -> None:
    source = Source(2, VideoError("unplugged"))
    frames = newest(source.frames())
    source.gates[0].set()
    assert next(frames).index == 0
    source.let(1, 2)
    assert next(frames).index == 1
    with pytest.raises(VideoError, match="unplugged"):
        next(frames)


def test_leaving_ends_the_thread_and_closes_the_source() -> None:
    source = Source(500)
    frames = newest(source.frames())
    source.gates[0].set()
    next(frames)
    for gate in source.gates:
        gate.set()
    frames.close()  # type: ignore[attr-defined]
    assert source.closed.wait(WAIT)
    assert not [t for t in threading.enumerate() if t.name == "facelage-video" and t.is_alive()]
