from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.align import DEFAULT_CROP
from facelage.train import augment
from facelage.train.eyeglasses import put_on_glasses

EYES = [(45.0, 50.0), (83.0, 50.0)]


def flat(value: int = 128, side: int = 128) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def drawn(image: np.ndarray, seed: int, eyes: list[tuple[float, float]] = EYES) -> np.ndarray:
    """Where glasses differ from the face."""
    worn = put_on_glasses(image, eyes, np.random.default_rng(seed))
    return (worn != image).any(2)


@given(
    seed=st.integers(0, 2**32),
    size=st.tuples(st.integers(16, 200), st.integers(16, 200)),
    places=st.lists(st.floats(-0.3, 1.3), min_size=4, max_size=4),
)
def test_any_face_may_wear_them(seed: int, size: tuple[int, int], places: list[float]) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = image.copy()
    x1, y1, x2, y2 = places
    eyes = [(x1 * size[1], y1 * size[0]), (x2 * size[1], y2 * size[0])]
    first, again = (put_on_glasses(image, eyes, np.random.default_rng(seed)) for _ in range(2))
    assert (first.shape, first.dtype) == (image.shape, np.uint8)
    assert np.array_equal(first, again)
    assert np.array_equal(image, before)


def test_they_are_about_the_eyes_and_leave_the_mouth_free() -> None:
    changed = np.mean([drawn(flat(), seed) for seed in range(300)], axis=0)
    for x, y in EYES:
        assert changed[int(y) - 22 : int(y) + 22, int(x) - 22 : int(x) + 22].mean() > 0.2
    assert changed[80:].sum() == 0
    assert changed[:25].sum() == 0
    # The same on both sides, and more of it about the eyes than between them.
    left, right = changed[:, :64].sum(), changed[:, 64:].sum()
    assert left == pytest.approx(right, rel=0.05)


def test_every_pair_is_its_own_and_most_show_the_eyes() -> None:
    pairs = [drawn(flat(), seed) for seed in range(100)]
    assert len({pair.tobytes() for pair in pairs}) == 100
    open_eyes = np.mean([not pair[50:54, 43:47].any() for pair in pairs])
    assert 0.45 < open_eyes < 0.75  # the others are sunglasses, tinted or shine


def test_they_turn_and_grow_with_the_eyes() -> None:
    small = drawn(flat(), 3)
    large = drawn(flat(side=256), 3, [(2 * x, 2 * y) for x, y in EYES])
    [short, tall] = (np.flatnonzero(pair.any(1)) for pair in (small, large))
    assert np.ptp(tall) == pytest.approx(2 * np.ptp(short), abs=6)
    assert tall.mean() == pytest.approx(2 * short.mean(), abs=3)
    upright = drawn(flat(), 3, [(64.0, 45.0), (64.0, 83.0)])
    rows, columns = np.nonzero(upright)
    assert np.ptp(rows) > np.ptp(columns)


def test_some_damaged_crops_wear_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "random_damage", lambda image, rng: image)
    monkeypatch.setattr(augment, "SQUEEZED", 0.0)
    crops = np.stack([flat(side=160)] * 400)
    seeds = [(number,) for number in range(400)]
    eyes = DEFAULT_CROP.landmarks[:2]
    for level, damage, low, high in (("real", 1.0, 0.09, 0.21), ("real", 0.5, 0.03, 0.12)):
        worn, whole = augment.augmented_views(crops, 128, level, seeds, damage=damage, eyes=eyes)
        assert low < (worn != whole).any((1, 2, 3)).mean() < high
    for options in ({"level": "light", "eyes": eyes}, {"level": "real"}):
        worn, whole = augment.augmented_views(crops, 128, seeds=seeds, **options)
        assert np.array_equal(worn, whole)


@pytest.mark.parametrize("side", [96, 128])
def test_they_are_worn_where_the_crop_has_its_eyes(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    monkeypatch.setattr(augment, "GLASSES", 1.0)
    monkeypatch.setattr(
        augment, "put_on_glasses", lambda crop, eyes, rng: found.append(eyes) or crop
    )
    eyes = DEFAULT_CROP.landmarks[:2]
    augment.augmented_views(flat(side=160)[None], side, "real", [(0,)], side / 128, eyes=eyes)
    points = flat(0, 160)
    for x, y in found[0]:
        points[round(y), round(x)] = 255
    rows, columns = np.nonzero(augment.place(points, 128)[..., 0])
    assert np.allclose(rows, 0.33 * 128, atol=1.5)
    assert columns.min() == pytest.approx(0.32 * 128, abs=1.5)
    assert columns.max() == pytest.approx(0.68 * 128, abs=1.5)
