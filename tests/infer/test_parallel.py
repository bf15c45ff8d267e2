from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.infer.parallel import batches, ordered_map, usable_cores

WAIT = 30.0  # seconds; only a deadlock takes so long


def at_work() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("facelage")]


@given(items=st.lists(st.integers(), max_size=40), size=st.integers(1, 50))
def test_batches_hold_all_items_in_order_and_are_full_but_the_last(
    items: list[int], size: int
) -> None:
    found = list(batches(items, size))
    assert [item for batch in found for item in batch] == items
    assert all(len(batch) == size for batch in found[:-1])
    assert all(0 < len(batch) <= size for batch in found)


@given(items=st.lists(st.integers(), max_size=40), workers=st.integers(1, 4))
@settings(max_examples=20)
def test_it_is_map(items: list[int], workers: int) -> None:
    assert list(ordered_map(str, items, workers)) == list(map(str, items))
    assert at_work() == []


def test_the_order_stays_when_the_first_is_the_last_to_be_done() -> None:
    others = threading.Event()

    def function(item: int) -> int:
        if item == 0:
            assert others.wait(WAIT)
        if item == 3:
            others.set()
        return item

    assert list(ordered_map(function, range(6), 2)) == list(range(6))


@pytest.mark.parametrize("workers", [1, 3])
def test_items_are_taken_when_needed_and_in_the_consumers_thread(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(threading.get_ident())
            yield number

    results = ordered_map(str, items(), workers)
    assert taken == []
    assert next(results) == "0"
    assert len(taken) == (1 if workers == 1 else 4 * workers)
    assert next(results) == "1"
    assert len(taken) == (2 if workers == 1 else 4 * workers + 1)
    results.close()
    assert set(taken) == {threading.get_ident()}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_in_its_place_and_ends_the_work(workers: int) -> None:
    done: list[int] = []

    def function(item: int) -> int:
        if item == 3:
            raise KeyError(item)
        done.append(item)
        return item

    results = ordered_map(function, range(1000), workers)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        next(results)
    assert at_work() == []
    assert len(done) < 20
    assert list(results) == []


def test_an_error_of_the_items_ends_the_work() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        list(ordered_map(str, items(), 2))
    assert at_work() == []


def test_closing_drops_what_has_not_begun() -> None:
    begun: list[int] = []
    go = threading.Event()

    def function(item: int) -> int:
        begun.append(item)
        assert item == 0 or go.wait(WAIT)
        return item

    results = ordered_map(function, range(100), 2)
    assert next(results) == 0
    threading.Timer(0.05, go.set).start()
    results.close()
    assert at_work() == []
    assert max(begun) < 8


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't signal one thread")
def test_an_interrupt_leaves_no_threads() -> None:
    main = threading.get_ident()

    def function(item: int) -> int:
        # Later than the threads' start, which an interrupt in its midst would leave to end alone.
        if item == 50:
            signal.pthread_kill(main, signal.SIGINT)
        return item

    results = ordered_map(function, range(1000), 2)
    # Programs started in the background by a shell ignore the interrupt.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(results)
    finally:
        signal.signal(signal.SIGINT, usual)
    results.close()  # the interrupt may have come outside it
    assert at_work() == []


def test_opencv_uses_one_thread_meanwhile() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        assert list(ordered_map(lambda _: cv2.getNumThreads(), range(3), 2)) == [1, 1, 1]
        assert cv2.getNumThreads() == 3
        assert list(ordered_map(lambda _: cv2.getNumThreads(), range(2), 1)) == [3, 3]
    finally:
        cv2.setNumThreads(before)


def test_the_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 6}, raising=False)
    assert usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
