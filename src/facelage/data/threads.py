"""OpenCV's own threads, where several of ours call it at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_lock = threading.Lock()
_pools, _opencv_threads = 0, 1


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """OpenCV on one thread a call, in the whole process, until the last such block ends.

    OpenCV has one setting for all threads; several of them that each start as many
    again would only get into each other's way.
    """
    global _pools, _opencv_threads
    with _lock:
        if _pools == 0:
            _opencv_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _pools += 1
    try:
        yield
    finally:
        with _lock:
            _pools -= 1
            if _pools == 0:
                cv2.setNumThreads(_opencv_threads)
