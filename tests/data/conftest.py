from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def picture(astronaut: np.ndarray) -> np.ndarray:
    """Part of the astronaut, 120 high and 140 wide, so that no turn goes unnoticed."""
    return np.ascontiguousarray(astronaut[60:180, 160:300])
