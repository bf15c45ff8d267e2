from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from data.samples import texture
from facelage.data.align import CropSpec, fit_crop
from facelage.data.duplicates import duplicate_groups, mark_duplicates, perceptual_hash
from facelage.data.filters import FilterConfig
from facelage.data.images import list_images, load_image
from facelage.data.manifest import Manifest, from_records

LIMIT = FilterConfig().near_duplicate_bits
MIRROR = int("55" * 32, 16)  # every other bit: the odd horizontal frequencies


def bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@st.composite
def hash_lists(draw: Any) -> list[str]:
    """Hashes of which some are near others, some near a mirrored one, some equal."""
    random = draw(st.randoms(use_true_random=False))
    hashes = [random.getrandbits(256) for _ in range(draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(0, 20))):
        flips = sum({1 << random.randrange(256) for _ in range(random.choice([0, 5, 30, 60]))})
        hashes.append(random.choice(hashes) ^ flips ^ random.choice([0, MIRROR]))
    return [f"{value:064x}" for value in hashes]


def oracle(hashes: list[str], limit: int) -> list[int]:
    near = np.array(
        [
            [min(bits(a, b), bits(a, f"{int(b, 16) ^ MIRROR:064x}")) <= limit for b in hashes]
            for a in hashes
        ]
    )
    labels = connected_components(near, directed=False)[1].tolist()
    return [labels.index(label) for label in labels]


def partition(labels: Any, names: list[Any]) -> set[frozenset[Any]]:
    clusters: dict[int, set[Any]] = {}
    for label, name in zip(labels, names, strict=True):
        clusters.setdefault(int(label), set()).add(name)
    return {frozenset(cluster) for cluster in clusters.values()}


@given(hash_lists(), st.sampled_from([0, 5, LIMIT, 100]))
def test_groups_are_the_connected_components(hashes: list[str], limit: int) -> None:
    assert duplicate_groups(hashes, limit).tolist() == oracle(hashes, limit)


@given(hash_lists(), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(hashes: list[str], random: Any) -> None:
    order = list(range(len(hashes)))
    random.shuffle(order)
    shuffled = duplicate_groups([hashes[i] for i in order], LIMIT)
    assert partition(shuffled, order) == partition(
        duplicate_groups(hashes, LIMIT), list(range(len(hashes)))
    )


@given(hash_lists())
def test_groups_are_named_by_their_first_member_and_grow_with_the_limit(hashes: list[str]) -> None:
    labels = duplicate_groups(hashes, LIMIT)
    assert np.array_equal(labels[labels], labels)
    assert (labels <= np.arange(len(labels))).all()
    for wider in partition(duplicate_groups(hashes, LIMIT + 20), hashes):
        assert wider == frozenset().union(
            *(group for group in partition(labels, hashes) if group & wider)
        )


def test_more_hashes_than_one_block() -> None:
    hashes = [hashlib.sha256(i.to_bytes(2, "big")).hexdigest() for i in range(700)]
    labels = duplicate_groups([*hashes, *hashes[::-1]], 10)
    assert labels.tolist() == [*range(700), *range(699, -1, -1)]


def test_no_hashes_no_groups() -> None:
    assert duplicate_groups([], LIMIT).tolist() == []


def variants(image: np.ndarray) -> dict[str, np.ndarray]:
    jpeg = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], 1)
    return {
        "saved again": jpeg,
        "half the size": cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "darker": (image * 0.8).astype(np.uint8),
        "grey": np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
    }


@pytest.mark.parametrize("seed", range(5))
def test_changed_pictures_keep_their_hash_and_others_have_another(seed: int) -> None:
    image = texture(seed, 128)
    original = perceptual_hash(image)
    for name, changed in variants(image).items():
        assert bits(original, perceptual_hash(changed)) <= LIMIT / 2, name
        mirrored = perceptual_hash(np.ascontiguousarray(changed[:, ::-1]))
        assert bits(original, f"{int(mirrored, 16) ^ MIRROR:064x}") <= LIMIT / 2, name
    assert bits(original, perceptual_hash(texture(seed + 100, 128))) > 2 * LIMIT


def test_flat_pictures_have_a_hash() -> None:
    flat = perceptual_hash(np.full((9, 9, 3), 77, np.uint8))
    assert len(flat) == 64
    assert int(flat, 16) >= 0


def test_real_faces_are_told_apart_and_found_again(shared: Any) -> None:
    paths = list_images(shared / "data" / "frl_london")[:40]
    faces = [fit_crop(load_image(path), CropSpec()) for path in paths]
    again = [variants(face)["saved again"] for face in faces]
    labels = duplicate_groups([perceptual_hash(face) for face in [*faces, *again]], LIMIT)
    assert np.array_equal(labels[:40], labels[40:])
    assert len(set(labels.tolist())) >= 38


def rows(*records: dict[str, Any]) -> Manifest:
    return from_records([{"age": 30.0, "status": "ok", **record} for record in records], ".")


def near(name: str, flips: int = 0) -> str:
    return f"{int(hashlib.sha256(name.encode()).hexdigest(), 16) ^ ((1 << flips) - 1):064x}"


def test_of_copies_the_first_by_path_stays() -> None:
    marked = mark_duplicates(
        rows(
            {"path": "c", "sha256": "1", "age": 40.0},
            {"path": "b", "sha256": "1"},
            {"path": "a", "sha256": "1", "status": "no_face"},
            {"path": "d", "sha256": "1"},
            {"path": "e", "sha256": "2"},
            {"path": "f", "sha256": ""},
            {"path": "g", "sha256": ""},
        ),
        FilterConfig(),
    )
    assert marked.frame["status"].tolist() == [
        "exact_duplicate", "ok", "no_face", "exact_duplicate", "ok", "ok", "ok"
    ]  # fmt: skip
    assert marked.frame["reason"].tolist()[:4] == [
        "the same file as b, but 30 years old", "", "", "the same file as b"
    ]  # fmt: skip


def test_of_copies_the_one_that_stays_has_the_groups_of_all() -> None:
    rows = [
        {
            "path": "a",
            "sha256": "1",
            "group": "",
        },  # the same file as b, whose person is known
        {"path": "b", "sha256": "1", "group": "ann"},
        {"path": "c", "sha256": "2", "group": "ann"},
        {"path": "d", "sha256": "3", "group": "bo"},
        {"path": "e", "sha256": "3", "group": "bob"},  # one person under two names
        {"path": "f", "sha256": "4", "group": "bob"},
        {"path": "g", "sha256": "5", "group": "cy"},
    ]
    for order in (rows, rows[::-1]):
        marked = mark_duplicates(from_records(order, "."), FilterConfig()).frame.set_index("path")
        kept = marked[marked["status"] == "ok"]["group"]
        assert list(kept[["a", "c", "d", "f", "g"]]) == ["ann", "ann", "bo", "bo", "cy"]
    near = [
        {**row, "sha256": str(n), "phash": hashlib.sha256(row["sha256"].encode()).hexdigest()}
        for n, row in enumerate(rows)
    ]
    config = FilterConfig(near_duplicates="drop", near_duplicate_bits=0)
    marked = mark_duplicates(from_records(near, "."), config).frame.set_index("path")
    kept = marked[marked["status"] == "ok"]["group"]
    assert list(kept[["a", "c", "d", "f", "g"]]) == ["ann", "ann", "bo", "bo", "cy"]


def test_near_duplicates_are_grouped_or_dropped() -> None:
    manifest = rows(
        {"path": "z", "phash": near("x")},
        {"path": "a", "phash": near("x", 20)},
        {"path": "b", "phash": near("y")},
        {"path": "c", "phash": near("x", 3), "status": "blurred"},
    )
    grouped = mark_duplicates(manifest, FilterConfig()).frame
    assert grouped["group"].tolist() == ["dup:a", "dup:a", "", ""]
    assert grouped["status"].tolist() == ["ok", "ok", "ok", "blurred"]
    dropped = mark_duplicates(manifest, FilterConfig(near_duplicates="drop")).frame
    assert dropped["status"].tolist() == ["near_duplicate", "ok", "ok", "blurred"]
    assert dropped["reason"].tolist()[0] == "nearly the same picture as a"
    assert dropped["group"].tolist() == [""] * 4


def test_a_near_duplicate_joins_the_groups_that_were_given() -> None:
    marked = mark_duplicates(
        rows(
            {"path": "a", "phash": near("x")},
            {"path": "b", "phash": near("x", 1), "group": "ann"},
            {"path": "c", "phash": near("x", 2), "group": "bob"},
            {"path": "d", "phash": near("y"), "group": "ann"},
            {"path": "e", "phash": near("z"), "group": "bob"},
            {"path": "f", "phash": near("w"), "group": "cid"},
        ),
        FilterConfig(),
    )
    groups = marked.frame["group"].tolist()
    assert len(set(groups[:5])) == 1
    assert groups[5] == "cid"


@settings(max_examples=20)
@given(st.data())
def test_marks_do_not_depend_on_the_order_of_the_rows(choice: st.DataObject) -> None:
    count = choice.draw(st.integers(1, 12))
    pick = st.integers(0, 3)
    records = [
        {
            "path": f"{index:02}",
            "sha256": str(choice.draw(st.integers(0, 8))),
            "phash": near(str(choice.draw(pick)), choice.draw(pick)),
            "group": choice.draw(st.sampled_from(["", "", "s1", "s2", "s3"])),
            "age": float(choice.draw(pick)),
        }
        for index in range(count)
    ]
    config = FilterConfig(near_duplicates=choice.draw(st.sampled_from(["group", "drop"])))
    before = mark_duplicates(rows(*records), config).frame
    after = mark_duplicates(rows(*choice.draw(st.permutations(records))), config).frame
    pd.testing.assert_frame_equal(before, after.sort_values("path", ignore_index=True))
    again = mark_duplicates(Manifest(before, "."), config).frame  # type: ignore[arg-type]
    assert partition_by_group(again) == partition_by_group(before)
    assert again["status"].tolist() == before["status"].tolist()


def partition_by_group(frame: pd.DataFrame) -> set[frozenset[str]]:
    named = frame[(frame["group"] != "") & (frame["status"] == "ok")]
    return {frozenset(group["path"]) for _, group in named.groupby("group")}
