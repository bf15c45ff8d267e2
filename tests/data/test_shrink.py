from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.data.shrink import block_mean


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    factor=st.sampled_from([1, 2, 3, 4, 8]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_each_pixel_is_the_mean_of_its_block_with_edges_repeated(
    height: int, width: int, factor: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    small = block_mean(image, factor)
    rows, columns = -(-height // factor), -(-width // factor)
    assert small.shape == (rows, columns, 3)
    assert small.dtype == np.uint8
    extra = ((0, rows * factor - height), (0, columns * factor - width), (0, 0))
    blocks = np.pad(image, extra, mode="edge").reshape(rows, factor, columns, factor, 3)
    assert np.abs(small - blocks.mean((1, 3))).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("factor", [1, 2, 8])
def test_a_flat_picture_stays_flat(factor: int) -> None:
    assert (block_mean(np.full((50, 70, 3), 201, np.uint8), factor) == 201).all()
