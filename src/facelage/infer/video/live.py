"""Keeping up with a live source: only its newest frame counts."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

from facelage.infer.video.reader import RawFrame


def newest(frames: Generator[RawFrame, None, None]) -> Iterator[RawFrame]:
    """The newest of `frames` whenever one is asked for; those in between are dropped.

    A thread reads ahead, so a slow consumer sees the present rather than a
    growing queue. Each frame is given once, the last one always. An error of
    the source is raised here. Closing this iterator ends the thread.
    """
    reader = _Reader(frames)
    reader.start()
    try:
        while (frame := reader.take()) is not None:
            yield frame
    finally:
        reader.stop()


class _Reader(threading.Thread):
    def __init__(self, frames: Generator[RawFrame, None, None]) -> None:
        super().__init__(name="facelage-video", daemon=True)
        self._frames = frames
        self._changed = threading.Condition()
        self._frame: RawFrame | None = None
        self._error: BaseException | None = None
        self._ended = self._stopped = False

    def run(self) -> None:
        try:
            for frame in self._frames:
                with self._changed:
                    self._frame = frame
                    self._changed.notify()
                    if self._stopped:
                        break
        except BaseException as error:
            self._error = error
        finally:
            # A generator is closed where it runs: this releases the camera.
            self._frames.close()
            with self._changed:
                self._ended = True
                self._changed.notify()

    def take(self) -> RawFrame | None:
        """Wait for a frame that was not taken yet; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended)
            frame, self._frame = self._frame, None
        if frame is None and self._error is not None:
            raise self._error
        return frame

    def stop(self) -> None:
        """End the thread; a source that hangs is left to it."""
        with self._changed:
            self._stopped = True
        self.join(timeout=2.0)
