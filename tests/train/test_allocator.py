from __future__ import annotations

import subprocess
import sys

import pytest

from facelage.train import allocator

CODE = """
import mmap, resource
import numpy as np
from facelage.train.allocator import keep_freed_memory
print(keep_freed_memory())
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(8_000_000)
before = faults()
for _ in range(5):
    np.ones(8_000_000)
print((faults() - before) * mmap.PAGESIZE < 64e6)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_freed_blocks_are_used_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() in (["True", "True"], ["False", "False"])


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_nothing_happens_elsewhere(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.sys, "platform", platform)
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)  # would fail if it were called
    assert allocator.keep_freed_memory() is False


def test_a_libc_without_mallopt_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _: object())
    assert allocator.keep_freed_memory() is False
