from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

import tiny
from facelage.train import augment
from facelage.train.augment import augment_batch, place
from facelage.train.eyeglasses import put_on_glasses

PADDED = tiny.CROP.size + 2 * tiny.PAD
Damage = Callable[[np.ndarray, Generator], np.ndarray]
DAMAGES: dict[str, Damage] = {
    "light": lambda image, rng: augment.draw_light(rng)(image),
    "any": augment.random_damage,
    "grey": lambda image, rng: augment.desaturate(image, float(rng.random())),
    "fade": augment.fade,
    "print": augment.old_print,
    "glasses": lambda image, rng: put_on_glasses(
        image, [(0.35 * len(image), 0.35 * len(image)), (0.65 * len(image), 0.35 * len(image))], rng
    ),
    "blur": augment.blur,
    "small": lambda image, rng: augment.shrink_and_enlarge(image, float(rng.uniform(8, 80)), rng),
    "grain": augment.grain,
    "lines": augment.scan_lines,
    "jpeg": lambda image, rng: augment.jpeg(image, int(rng.integers(1, 101))),
    "occlude": augment.occlude,
}


def portrait(size: int, seed: int = 0) -> np.ndarray:
    """Smooth and coloured, with some texture."""
    x = np.linspace(0, 3, size)
    rng = np.random.default_rng(seed)
    waves = np.stack([np.sin(x[:, None] * k) * np.cos(x[None] * k) for k in (1, 2, 3)], 2)
    return np.clip(128 + 90 * waves + rng.normal(0, 6, waves.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("padded", "size"), [(40, 32), (160, 128), (112, 96), (32, 32)])
def test_placing_without_change_is_the_canonical_crop(padded: int, size: int) -> None:
    image, pad = portrait(padded), (padded - size) // 2
    assert np.array_equal(place(image, size), image[pad : pad + size, pad : pad + size])


def test_level_none_is_the_canonical_crop() -> None:
    crops = np.stack([portrait(PADDED, seed) for seed in range(3)])
    inner = crops[:, 4:-4, 4:-4]
    assert np.array_equal(augment_batch(crops, 32, "none", [[0]] * 3), inner)


def test_a_flip_mirrors_and_two_flips_are_none() -> None:
    image = portrait(PADDED)
    flipped = place(image, PADDED, flip=True)
    assert np.array_equal(flipped, image[:, ::-1])
    assert np.array_equal(place(flipped, PADDED, flip=True), image)


def test_a_flipped_crop_is_the_mirrored_canonical_crop() -> None:
    image = portrait(PADDED)
    assert np.array_equal(place(image, 32, flip=True), place(image, 32)[:, ::-1])


def test_a_shift_moves_right_and_down() -> None:
    image = portrait(PADDED)
    assert np.array_equal(place(image, 32, shift=(2, -3)), image[7:39, 2:34])


def test_a_quarter_turn_turns_about_the_middle() -> None:
    image = portrait(PADDED)
    turned = place(image, PADDED, angle=90)
    assert np.abs(turned.astype(int) - np.rot90(image)).max() <= 1


def test_zoom_keeps_the_middle_and_shows_less() -> None:
    image = portrait(161)
    zoomed = place(image, 161, scale=2.0)
    assert np.array_equal(zoomed[80, 80], image[80, 80])
    assert np.array_equal(zoomed[::2, ::2], image[40:121, 40:121])


def test_a_wider_face_stays_in_its_place_and_height() -> None:
    image = portrait(161)
    wide = place(image, 161, aspect=2.0)
    assert np.array_equal(wide[:, 80], image[:, 80])
    assert np.array_equal(wide[:, ::2], image[:, 40:121])
    # The face is widened, not the picture: a turned one along its own width.
    turned = place(image, 161, aspect=2.0, angle=90)
    assert np.abs(turned.astype(int) - np.rot90(wide)).max() <= 1


def test_some_damaged_faces_are_squeezed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "random_damage", lambda image, rng: image)
    crops = np.stack([portrait(PADDED)] * 300)
    damaged, whole = augment.augmented_views(crops, 32, "real", [(n,) for n in range(300)])
    assert 0.2 < (damaged != whole).any((1, 2, 3)).mean() < 0.4


def test_outside_the_crop_the_edge_repeats() -> None:
    image = portrait(PADDED)
    moved = place(image, PADDED, shift=(5, 0))
    assert np.array_equal(moved[:, :5], np.repeat(image[:, :1], 5, axis=1))


@pytest.mark.parametrize("size", [32, 97, 128])
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_keeps_shape_and_type_and_its_input(name: str, size: int) -> None:
    image = portrait(size)
    before = image.copy()
    for seed in range(25):
        damaged = DAMAGES[name](image, np.random.default_rng(seed))
        assert damaged.shape == image.shape
        assert damaged.dtype == np.uint8
        assert np.array_equal(image, before)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_damages_and_leaves_a_face(name: str) -> None:
    image = portrait(64)
    changed = 0
    for seed in range(25):
        damaged = DAMAGES[name](image, np.random.default_rng(seed))
        changed += not np.array_equal(damaged, image)
        assert np.corrcoef(damaged.ravel(), image.ravel())[0, 1] > 0.1
    assert changed >= 10


@pytest.mark.parametrize("level", ["light", "real"])
def test_a_seed_decides_whatever_the_batch(level: str) -> None:
    crops = np.stack([portrait(PADDED, seed) for seed in range(6)])
    seeds = [(1, 2, index) for index in range(6)]
    together = augment_batch(crops, 32, level, seeds)
    backwards = augment_batch(crops[::-1], 32, level, seeds[::-1])[::-1]
    alone = [
        augment_batch(crops[i : i + 1], 32, level, seeds[i : i + 1])[0] for i in range(len(crops))
    ]
    assert together.shape == (6, 32, 32, 3)
    assert np.array_equal(together, backwards)
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("level", ["light", "real"])
def test_other_seeds_give_other_faces(level: str) -> None:
    crops = np.stack([portrait(PADDED)] * 20)
    out = augment_batch(crops, 32, level, [(0, index) for index in range(20)])
    assert len(np.unique(out.reshape(20, -1), axis=0)) == 20


def test_half_of_the_faces_are_flipped() -> None:
    ramp = np.repeat(np.linspace(0, 255, PADDED)[None, :, None], PADDED, 0).repeat(3, 2)
    crops = np.stack([ramp.astype(np.uint8)] * 400)
    out = augment_batch(crops, 32, "light", [(5, i) for i in range(400)]).astype(float)
    flipped = (out[:, :, :16].mean((1, 2, 3)) > out[:, :, 16:].mean((1, 2, 3))).mean()
    assert 0.42 < flipped < 0.58


def test_another_size_shows_the_same_part() -> None:
    image = portrait(160)
    small = augment_batch(image[None], 64, "none", [[0]], scale=0.5)[0].astype(float)
    whole = augment_batch(image[None], 128, "none", [[0]])[0].astype(float)
    averaged = whole.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(small - averaged).mean() < 6


def test_grey_is_grey_and_no_amount_is_no_change() -> None:
    image = portrait(32)
    assert np.ptp(augment.desaturate(image, 1.0), axis=2).max() == 0
    assert np.array_equal(augment.desaturate(image, 0.0), image)


def test_jpeg_keeps_colours_in_their_channels() -> None:
    # At low quality the codec blurs the chroma of red and blue by different
    # tables only if it is told which is which: a red edge tells the order.
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 200
    red, green, blue = augment.jpeg(image, 90).reshape(-1, 3).mean(0)
    assert abs(red - 200) < 3
    assert max(green, blue) < 3
    # Luma is mostly green and hardly blue (ITU-R BT.601), so that coarse steps
    # in luma leave a larger error in blue than in red.
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    error = np.abs(augment.jpeg(noise, 30).astype(int) - noise).mean((0, 1))
    assert error[1] < error[0] < error[2]


def test_lower_quality_differs_more() -> None:
    image = portrait(128)
    errors = [np.abs(augment.jpeg(image, q).astype(int) - image).mean() for q in (100, 60, 10)]
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < 4


def test_a_large_face_is_not_shrunk_and_a_small_one_loses_detail() -> None:
    image = portrait(128)
    rng = np.random.default_rng(0)
    for side in (128, 200):
        assert np.array_equal(augment.shrink_and_enlarge(image, side, rng), image)
    # A face of 64 px is as it was where the network sees no more of it.
    small = portrait(64)
    assert np.array_equal(augment.shrink_and_enlarge(small, 64, rng), small)
    detail = [
        np.abs(np.diff(augment.shrink_and_enlarge(image, side, rng).astype(int), axis=1)).mean()
        for side in (128, 60, 20)
    ]
    assert detail[0] > detail[1] > detail[2]


def test_blur_keeps_the_brightness() -> None:
    image = portrait(128)
    for seed in range(25):
        blurred = augment.blur(image, np.random.default_rng(seed))
        assert abs(float(blurred.mean()) - float(image.mean())) < 2


def test_the_given_share_of_the_crops_is_damaged() -> None:
    crops = np.stack([portrait(PADDED)] * 200)
    seeds = [[number] for number in range(200)]
    light = augment_batch(crops, 32, "light", seeds)
    for share, low, high in ((0.0, 0, 0), (0.5, 60, 110), (1.0, 150, 200)):
        done = augment_batch(crops, 32, "real", seeds, damage=share)
        # Not all that is damaged looks it: each kind of damage has a chance of its own.
        assert low <= int((done != light).any((1, 2, 3)).sum()) <= high


def test_an_undamaged_view_has_the_same_turns_and_light() -> None:
    crops = np.stack([portrait(PADDED, seed) for seed in range(20)])
    seeds = [[number] for number in range(20)]
    light = augment_batch(crops, 32, "light", seeds)
    damaged, whole = augment.augmented_views(crops, 32, "real", seeds)
    assert np.array_equal(whole, light)
    assert np.array_equal(damaged, augment_batch(crops, 32, "real", seeds))
    assert not np.array_equal(damaged, whole)
    for view in augment.augmented_views(crops, 32, "none", seeds):
        assert np.array_equal(view, crops[:, 4:-4, 4:-4])


def test_a_view_comes_again_whatever_the_damage() -> None:
    crops = np.stack([portrait(PADDED, seed) for seed in range(8)])
    places = [(number,) for number in range(8)]
    one, other = (
        augment.augmented_views(
            crops, 32, "real", [(number, run) for number in range(8)], views=places
        )
        for run in (1, 2)
    )
    assert np.array_equal(one[1], other[1])
    assert not np.array_equal(one[0], other[0])
    moved = augment.augmented_views(crops, 32, "real", places, views=places[::-1])
    assert not np.array_equal(one[1], moved[1])


def test_an_old_print_has_less_contrast_than_the_face_and_more_grain() -> None:
    # A face without detail: what differs between neighbours afterwards is grain.
    flat = np.repeat(np.linspace(40, 220, 128)[:, None, None], 128, 1).repeat(3, 2).astype(np.uint8)
    contrast, grain = [], []
    for seed in range(40):
        printed = augment.old_print(flat, np.random.default_rng(seed)).astype(float)
        rows = printed.mean((1, 2))
        contrast.append(rows[-8:].mean() - rows[:8].mean())
        grain.append((printed - printed.mean(1, keepdims=True)).std())
    assert max(contrast) < 180
    assert min(contrast) > 15
    assert 0.7 < min(grain) < 3
    assert 8 < max(grain) < 16


@pytest.mark.parametrize("side", [592, 1024])
def test_the_largest_crops_can_be_grainy(side: int) -> None:
    image = np.full((side, side, 3), 128, np.uint8)
    for seed in range(4):  # grey and coloured grain
        noisy = augment.grain(image, np.random.default_rng(seed)).astype(int) - 128
        assert 1 < noisy.std() < 40
        assert abs(noisy.mean()) < 1
    augment.old_print(image, np.random.default_rng(0))
