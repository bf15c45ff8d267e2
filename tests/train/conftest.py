from __future__ import annotations

from pathlib import Path

import pytest

import tiny
from facelage.data.manifest import Manifest


@pytest.fixture(scope="session")
def faces() -> Manifest:
    return tiny.shared_faces()


@pytest.fixture(scope="session")
def run() -> Path:
    return tiny.shared_run()
