"""The best pairing of tracks with detections."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def assign(similarity: ArrayLike) -> list[tuple[int, int]]:
    """Pair rows with columns so that the sum of the pairs' similarities is largest.

    Parameters
    ----------
    similarity:
        N x M finite numbers, at least 0. A pair of similarity 0 is never made:
        it means that the two can't belong together.

    Returns
    -------
    list of (int, int)
        (row, column), each row and each column at most once, by row.

    Notes
    -----
    The Hungarian method with shortest augmenting paths (Jonker and Volgenant,
    Computing 38, 1987): exact, and quick for the faces of a picture. It is here
    because inference does without SciPy.
    """
    values = np.atleast_2d(np.asarray(similarity, np.float64))
    if values.size == 0:
        return []
    if values.shape[0] > values.shape[1]:
        return sorted((row, column) for column, row in assign(values.T))
    owner = _columns_owners(-values)
    pairs = ((int(row), column) for column, row in enumerate(owner) if row >= 0)
    return sorted((row, column) for row, column in pairs if values[row, column] > 0)


def _columns_owners(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """The row of each column (-1: none) in the cheapest pairing of all N rows, N <= M."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    owner = np.full(columns, -1)
    for start in range(rows):
        # Grow a tree of cheapest alternating paths from `start` to the first free column.
        distance = np.full(columns, np.inf)
        before = np.full(columns, -1)
        done = np.zeros(columns, bool)
        row, length, last = start, 0.0, -1
        visited = [(start, 0.0)]
        while True:
            reach = length + cost[row] - row_price[row] - column_price
            better = ~done & (reach < distance)
            distance[better], before[better] = reach[better], last
            last = int(np.argmin(np.where(done, np.inf, distance)))
            length = float(distance[last])
            done[last] = True
            if owner[last] < 0:
                break
            row = int(owner[last])
            visited.append((row, length))
        for reached, at in visited:
            row_price[reached] += length - at
        column_price[done] -= length - distance[done]
        # Turn the path over: each column on it takes the row of the one before.
        while last >= 0:
            previous = int(before[last])
            owner[last] = owner[previous] if previous >= 0 else start
            last = previous
    return owner
