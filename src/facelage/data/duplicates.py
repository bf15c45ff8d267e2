"""Copies of the same picture: the same file, or the same photo saved again.

A data set that names no subjects has no other defence against one picture on
both sides of a split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facelage.data.filters import FilterConfig, Status
from facelage.data.images import UInt8Image
from facelage.data.manifest import Manifest

#: How the name of a group of near-duplicates begins.
NEAR_DUPLICATES = "dup:"


def perceptual_hash(crop: UInt8Image) -> str:
    """A 256-bit hash that re-encoding, scaling and colour changes leave almost alone.

    The signs of the 16 x 16 lowest cosine frequencies of the 64 x 64 grey
    image, row by row (after Zauner, 2010, "pHash"). 64 bits are not enough
    here: aligned faces are alike to begin with.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small - small.mean())[:16, :16]
    return np.packbits(low > 0).tobytes().hex()


# A mirrored picture has the signs of its odd horizontal frequencies reversed.
_MIRROR = np.packbits(np.tile([False, True], 128)).view(np.uint64)


def duplicate_groups(hashes: Sequence[str], max_bits: int) -> NDArray[np.int64]:
    """Clusters of hashes that differ in at most `max_bits` of 256 bits, linked transitively.

    Mirrored pictures count as the same picture.

    Returns
    -------
    numpy.ndarray
        int64, one per hash: the index of the cluster's first member, so that a
        hash without a neighbour has its own index.
    """
    count = len(hashes)
    words = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(count, 4)
    parent = list(range(count))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    # All pairs by blocks of rows: 20,000 hashes take some 5 s, and need no index.
    block = 256
    for start in range(0, count, block):
        rows, columns = words[start : start + block], words[start:]
        for mirror in (np.zeros(4, np.uint64), _MIRROR):
            bits = np.zeros((len(rows), len(columns)), np.uint16)
            for word in range(4):
                flipped = rows[:, None, word] ^ mirror[word]
                bits += np.bitwise_count(flipped ^ columns[None, :, word])
            for row, column in zip(*np.nonzero(bits <= max_bits), strict=True):
                if row < column:
                    a, b = find(start + int(row)), find(start + int(column))
                    parent[max(a, b)] = min(a, b)
    return np.array([find(index) for index in range(count)], np.int64)


def mark_duplicates(manifest: Manifest, config: FilterConfig) -> Manifest:
    """Mark exact copies, and group near-duplicates, among the rows whose status is ok.

    Of exact copies the first by path stays. Near-duplicates share a ``group``
    (or are marked too, see :class:`FilterConfig`); groups that were given, such
    as subjects, are joined where a copy or a near-duplicate links them.
    """
    frame = manifest.frame.copy()
    columns = {
        name: [str(value) for value in frame[name]]
        for name in ("path", "status", "reason", "group", "sha256", "phash")
    }
    path, status, reason, group = (columns[n] for n in ("path", "status", "reason", "group"))
    ages = manifest.ages()
    kept: list[int] = []
    first: dict[str, int] = {}
    joined: dict[str, str] = {}

    def final(name: str) -> str:
        while name in joined:
            name = joined[name]
        return name

    def take_in(row: int, original: int) -> None:
        own, kept_with = final(group[row]), final(group[original])
        if own and kept_with and own != kept_with:  # the same person under two names
            joined[own] = kept_with
        group[original] = kept_with or own

    for row in sorted((r for r in range(len(frame)) if status[r] == "ok"), key=path.__getitem__):
        original = first.setdefault(columns["sha256"][row] or path[row], row)
        if original == row:
            kept.append(row)
            continue
        differ = "" if ages[original] == ages[row] else f", but {ages[original]:g} years old"
        status[row] = Status.EXACT_DUPLICATE.value
        reason[row] = f"the same file as {path[original]}{differ}"
        take_in(row, original)
    hashed = [row for row in kept if columns["phash"][row]]
    clusters = duplicate_groups(
        [columns["phash"][row] for row in hashed], config.near_duplicate_bits
    ).tolist()
    sizes = Counter(clusters)
    for row, cluster in zip(hashed, clusters, strict=True):
        head = hashed[cluster]
        if sizes[cluster] == 1:
            continue
        if config.near_duplicates == "drop":
            if row != head:
                status[row] = Status.NEAR_DUPLICATE.value
                reason[row] = f"nearly the same picture as {path[head]}"
                take_in(row, head)
            continue
        own, shared = final(group[row]), final(f"{NEAR_DUPLICATES}{path[head]}")
        if own and own != shared:
            joined[shared] = own  # the given group takes the cluster in
        group[row] = own or shared
    frame["group"] = [final(name) for name in group]
    frame["status"], frame["reason"] = status, reason
    return Manifest(frame, manifest.root)
