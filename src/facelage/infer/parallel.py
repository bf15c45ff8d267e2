"""Work on several images at once, in threads, in order and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from facelage.data.threads import one_opencv_thread

T = TypeVar("T")
R = TypeVar("R")

# So many items a worker are taken in advance: one at work and a few that wait.
_AHEAD = 4


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`, the last one with what is left; each is taken when asked for."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def ordered_map(
    function: Callable[[T], R], items: Iterable[T], workers: int
) -> Generator[R, None, None]:
    """``map(function, items)``, with `workers` threads at work ahead of the consumer.

    The items are taken in the consumer's thread, and only so many that each worker
    has a few waiting. The results come in the items' order. An error of
    `function` is raised in its item's place, one of `items` at once; that, closing
    the iterator and an interrupt end the work: what has not begun is dropped, and
    no thread is left. With one worker there are no threads at all.

    While threads work, OpenCV runs each of its own calls on one (see
    :func:`facelage.data.threads.one_opencv_thread`).
    """
    if workers == 1:
        yield from map(function, items)
        return
    remaining = iter(items)
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="facelage")
    with one_opencv_thread():
        try:
            for item in remaining:
                waiting.append(pool.submit(function, item))
                if len(waiting) == _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
