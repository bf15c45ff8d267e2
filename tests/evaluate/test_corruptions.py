from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelage.data.align import CropSpec, align
from facelage.data.detect.base import Detection
from facelage.data.images import save_image
from facelage.data.manifest import Manifest, format_numbers, from_records
from facelage.errors import ConfigError, ManifestError
from facelage.evaluate import evaluate
from facelage.evaluate.baselines.cropping import SquareCrop, cut
from facelage.evaluate.chips import cut_chip, read_detection
from facelage.evaluate.corruptions import (
    CORRUPTIONS,
    CorruptionResult,
    corrupt,
    corrupt_and_evaluate,
)

# What YuNet finds in the fixture `astronaut`.
POINTS = (200.1, 101.8, 247.1, 102.6, 220.4, 124.5, 198.6, 142.8, 239.7, 143.6)
FACE = Detection((178.2, 62.9, 268.1, 176.2))
CROP = CropSpec(size=32)
RANDOM = ("motion_blur", "gaussian_noise", "occlusion", "rotation", "old_print")


class Brightness:
    """The mean of a crop as its age."""

    name, crop = "brightness", CROP

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def predict_crops(self, crops: np.ndarray) -> np.ndarray:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (32, 32, 3)
        self.seen += list(crops)
        return crops.mean((1, 2, 3), dtype=np.float64) / 2


class Faces:
    """The same from the photo and the face in it; it fails on one face."""

    name = "faces"

    def __init__(self, fails: int = -1) -> None:
        self.fails = fails

    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Detection]) -> np.ndarray:
        crops = [align(image, face, CROP) for image, face in zip(images, faces, strict=True)]
        ages = Brightness().predict_crops(np.stack(crops))
        ages[self.fails :][:1] = np.nan if self.fails >= 0 else ages[-1]
        return ages


@pytest.fixture(scope="session")
def chip(astronaut: np.ndarray) -> np.ndarray:
    image = cut_chip(astronaut, FACE).image
    image.setflags(write=False)
    return image


@pytest.fixture(scope="session")
def faces(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The astronaut in six shades, with the ages that their crops look like, and a bit."""
    folder, rows = tmp_path_factory.mktemp("faces"), []
    for number in range(6):
        name = f"{number}.png"
        photo = np.clip(astronaut * (0.5 + number / 10), 0, 255).astype(np.uint8)
        save_image(folder / name, photo)
        box, points = format_numbers(FACE.box), format_numbers(POINTS)
        crop = align(photo, read_detection(box, points), CROP)
        rows.append(
            {"path": name, "age": crop.mean() / 2 + 1.1 * number, "box": box, "landmarks": points}
        )
    return from_records(rows, folder)


def run(manifest: Manifest, *models: Any, **options: Any) -> CorruptionResult:
    options = {"names": ["gaussian_noise", "grey"], "severities": [2, 5]} | options
    return corrupt_and_evaluate(models or [Brightness()], manifest, **options)


def changed(manifest: Manifest, rows: list[int], **values: object) -> Manifest:
    frame = manifest.frame.copy()
    for name, value in values.items():
        frame.loc[rows, name] = value
    return Manifest(frame, manifest.root)


@pytest.mark.parametrize("name", CORRUPTIONS)
@given(st.integers(1, 5), st.integers(0, 99), st.integers(16, 90), st.integers(16, 90))
def test_shape_and_dtype_stay_and_equal_seeds_do_equal_damage(
    name: str, severity: int, seed: int, height: int, width: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = image.copy()
    first, again = (corrupt(name, image, severity, np.random.default_rng(seed)) for _ in range(2))
    assert (first.shape, first.dtype) == (image.shape, np.uint8)
    assert np.array_equal(first, again)
    assert np.array_equal(image, before)
    assert not np.shares_memory(first, image)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_damage_grows_with_severity(name: str, chip: np.ndarray) -> None:
    for seed in range(3):
        distances = [
            float(((corrupt(name, chip, severity, rng).astype(float) - chip) ** 2).mean())
            for severity in range(6)
            for rng in [np.random.default_rng(seed)]
        ]
        assert distances[0] == 0
        assert distances == sorted(set(distances)), distances


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_only_random_damage_depends_on_the_generator(name: str, chip: np.ndarray) -> None:
    damaged = {corrupt(name, chip, 3, np.random.default_rng(s)).tobytes() for s in range(8)}
    assert (len(damaged) > 1) == (name in RANDOM)


def test_damage_scales_with_the_face(chip: np.ndarray) -> None:
    """Half the pixels, half the radius: the same picture at half the size."""
    small = chip[:226, :226].reshape(113, 2, 113, 2, 3).mean((1, 3)).astype(np.uint8)
    for name in ("gaussian_blur", "motion_blur", "low_resolution", "occlusion", "rotation"):
        large = corrupt(name, chip[:226, :226], 5, np.random.default_rng(1))
        reduced = large.reshape(113, 2, 113, 2, 3).mean((1, 3))
        damaged = corrupt(name, small, 5, np.random.default_rng(1))
        difference = np.abs(reduced - damaged)[20:-20, 20:-20].mean()
        assert difference < 0.2 * np.abs(damaged.astype(float) - small)[20:-20, 20:-20].mean()


def test_blurs_keep_the_mean_and_the_place() -> None:
    point = np.zeros((161, 161, 3), np.uint8)
    point[78:83, 78:83] = 255
    for name in ("gaussian_blur", "motion_blur"):
        blurred = corrupt(name, point, 4, np.random.default_rng(2))[:, :, 0].astype(float)
        assert blurred.sum() == pytest.approx(25 * 255, rel=0.1)
        assert (blurred.sum(0) @ np.arange(161)) / blurred.sum() == pytest.approx(80, abs=0.5)
        assert (blurred.sum(1) @ np.arange(161)) / blurred.sum() == pytest.approx(80, abs=0.5)


def test_noise_has_the_deviation_of_the_table() -> None:
    image = np.full((200, 200, 3), 128, np.uint8)
    noise = corrupt("gaussian_noise", image, 1, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.01)
    assert abs(noise.mean()) < 0.3


def test_a_stop_halves_the_light() -> None:
    image = np.full((16, 16, 3), 188, np.uint8)  # half of white, in linear light
    dark = corrupt("darkness", image, 1, np.random.default_rng(0))
    assert (dark == 137).all()  # a quarter of white


def test_a_covered_face_is_grey_within_its_box_only(chip: np.ndarray) -> None:
    side = len(chip) / 2
    for seed in range(5):
        covered = corrupt("occlusion", chip, 5, np.random.default_rng(seed))
        rows, columns = np.nonzero((covered != chip).any(2))
        assert np.ptp(rows) + 1 == pytest.approx(0.6 * side, abs=2)
        assert np.ptp(columns) + 1 == pytest.approx(0.6 * side, abs=2)
        assert (covered[rows, columns] == 128).all()


def test_grey_has_equal_channels(chip: np.ndarray) -> None:
    spread = [
        int(np.ptp(corrupt("grey", chip, s, np.random.default_rng(0)), 2).max()) for s in range(6)
    ]
    assert spread[5] == 0
    assert spread == sorted(spread, reverse=True)


def test_an_old_print_has_the_grain_and_the_contrast_of_the_table() -> None:
    for severity, grain, contrast in ((1, 4, 0.93), (3, 10, 0.80), (5, 16, 0.67)):
        dark, light = (
            corrupt("old_print", np.full((300, 300, 3), value, np.uint8), severity, rng)
            for value in (60, 190)
            for rng in [np.random.default_rng(0)]
        )
        assert light[..., 0].std() == pytest.approx(grain, rel=0.05)
        red = (light.astype(float) - dark)[..., 0].mean() / 130
        assert red == pytest.approx(contrast, abs=0.01)
        assert (light.mean((0, 1)) == sorted(light.mean((0, 1)), reverse=True)).all()  # yellow


def test_unknown_names_and_severities_are_refused(chip: np.ndarray, faces: Manifest) -> None:
    known = "unknown corruption; got: fog; expected: gaussian_blur, .*, rotation, grey, old_print"
    with pytest.raises(ConfigError, match=known):
        corrupt("fog", chip, 1, np.random.default_rng(0))
    with pytest.raises(ConfigError, match=known):
        run(faces, names=["grey", "fog"])
    for severity in (-1, 6):
        with pytest.raises(ConfigError, match=f"unknown severity; got: {severity}"):
            corrupt("grey", chip, severity, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="unknown severity; got: 0"):
        run(faces, severities=[0, 1])


def test_every_case_of_every_model_has_a_row(faces: Manifest) -> None:
    result = run(faces, Brightness(), Faces())
    cases = [("clean", 0), *((n, s) for n in ("gaussian_noise", "grey") for s in (2, 5))]
    got = list(result.table[["model", "corruption", "severity"]].itertuples(index=False, name=None))
    assert got == [(model, *case) for model in ("brightness", "faces") for case in cases]
    assert list(result.table)[3:] == ["n", "mae", "bias", "cs5", "failures"]
    assert (result.table["n"] == 6).all()
    assert (result.table["failures"] == 0).all()
    assert (result.images, result.unlabelled, result.unusable) == (6, 0, {})
    assert result.table["mae"].nunique() > 3


class Sharpness:
    """Ages from the finest detail of a face, at the photo's own scale."""

    name = "sharpness"

    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Detection]) -> np.ndarray:
        crops = [cut(*pair, 128, SquareCrop(1.8)) for pair in zip(images, faces, strict=True)]
        return np.array([np.abs(np.diff(crop.astype(float), axis=0)).mean() for crop in crops])


class SharpCrops(Brightness):
    """The same from a crop."""

    name = "sharp_crops"

    def predict_crops(self, crops: np.ndarray) -> np.ndarray:
        return np.abs(np.diff(crops.astype(float), axis=1)).mean((1, 2, 3))


@pytest.fixture(scope="module", params=[1, 3, 6])  # 113, 340 and 680 px, more than a chip has
def sizes(
    request: pytest.FixtureRequest, astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Manifest:
    """The astronaut enlarged, three times, with crops that were cut by exacter numbers."""
    folder, rows, scale = tmp_path_factory.mktemp("sizes"), [], request.param
    noise = np.random.default_rng(0).integers(-40, 40, (3, 512 * scale, 512 * scale, 1))
    for number in range(3):
        photo = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        photo = np.clip(photo + noise[number] // (number + 1), 0, 255).astype(np.uint8)
        name = f"{number}.png"
        save_image(folder / name, photo)
        box = [scale * value for value in FACE.box]
        points = [scale * value for value in POINTS]
        exact = read_detection(format_numbers(box), format_numbers(p + 0.3 for p in points))
        save_image(folder / "crops" / name, align(photo, exact, CROP, pad=4))
        cells = {"box": format_numbers(box), "landmarks": format_numbers(points)}
        rows.append({"path": name, "age": 20.0 + number, "crop": f"crops/{name}"} | cells)
    settings = {"config": {"crop": json.loads(CROP.to_json())}}
    (folder / "prepare.json").write_text(json.dumps(settings))
    return from_records(rows, folder)


@pytest.mark.parametrize("model", [SharpCrops(), Sharpness()], ids=lambda model: model.name)
@pytest.mark.parametrize("crops", [True, False], ids=["crops", "photos"])
def test_severity_0_is_the_evaluation(sizes: Manifest, model: Any, crops: bool) -> None:
    manifest = sizes if crops else changed(sizes, [0, 1, 2], crop="")
    figures = evaluate(model, manifest, rounds=1).figures["summary"]
    [clean] = run(manifest, model, names=[]).table.to_dict("records")
    assert (clean["corruption"], clean["severity"], clean["n"]) == ("clean", 0, 3)
    for key in ("mae", "bias", "cs5"):
        assert clean[key] == pytest.approx(figures[key], abs=1e-6)


def test_damaged_faces_differ_from_clean_ones_by_the_damage_alone(
    sizes: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CORRUPTIONS, "grey", lambda image, severity, rng: image)
    photos = changed(sizes, [0, 1, 2], crop="")
    table = run(photos, Sharpness(), SharpCrops(), names=["grey"], severities=[1]).table
    kinds = {kind: rows["mae"].to_numpy() for kind, rows in table.groupby("corruption")}
    large = read_detection(sizes.frame["box"][0]).size > 512
    faces, crops = np.abs(kinds["clean"] - kinds["grey"])
    assert faces < (0.5 if large else 1e-9)
    assert crops < (0.5 if large else 0.1)  # OpenCV rounds a warp's shift


def test_damage_is_as_strong_on_a_large_face(chip: np.ndarray) -> None:
    """What noise and JPEG change does not average out where the face has more pixels."""
    small = chip[:224, :224]
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    size = 56, 56
    for name in ("gaussian_noise", "jpeg", "old_print"):
        changes = []
        for image in (cv2.resize(large, (448, 448), interpolation=cv2.INTER_AREA), large):
            damaged = corrupt(name, image, 3, np.random.default_rng(0)).astype(np.float32)
            assert damaged.shape == image.shape
            changes.append(cv2.resize(damaged - image, size, interpolation=cv2.INTER_AREA).std())
        assert changes[1] == pytest.approx(changes[0], rel=0.1)


def test_a_large_face_keeps_its_own_detail_under_jpeg(chip: np.ndarray) -> None:
    flat = np.full((1000, 1000, 3), 128, np.uint8)
    flat[::2] = 132
    damaged = corrupt("jpeg", flat, 1, np.random.default_rng(0)).astype(int)
    assert (np.diff(damaged[:, :, 0], axis=0) != 0).mean() > 0.9


def test_both_kinds_of_model_see_the_same_damage(faces: Manifest) -> None:
    table = run(faces, Brightness(), Faces(), names=None, severities=[3]).table
    by_model = [
        part.drop(columns="model").reset_index(drop=True) for _, part in table.groupby("model")
    ]
    pd.testing.assert_frame_equal(*by_model)
    assert len(by_model[0]) == 1 + len(CORRUPTIONS)


def test_a_rotated_face_is_not_aligned_anew(faces: Manifest) -> None:
    model = Brightness()
    run(faces, model, names=["rotation"], severities=[5])
    turned, clean = model.seen[0], model.seen[6]  # the clean row comes last
    assert np.abs(clean.astype(int) - turned)[8:24, 8:24].mean() > 10


def test_the_damage_to_a_face_does_not_depend_on_the_others(faces: Manifest) -> None:
    alone, together, backwards = Brightness(), Brightness(), Brightness()
    run(Manifest(faces.frame.iloc[[4]], faces.root), alone, names=["gaussian_noise"])
    run(faces, together, names=["grey", "gaussian_noise"], severities=[5, 2, 2])
    run(Manifest(faces.frame.iloc[::-1], faces.root), backwards, names=["gaussian_noise"])
    # Each severity, then clean: 6 faces a time.
    assert np.array_equal(alone.seen, [together.seen[i * 6 + 4] for i in (2, 3, 4)])
    assert np.array_equal(alone.seen, [backwards.seen[i * 6 + 1] for i in (0, 1, 2)])
    noise = [
        crop.astype(int) - clean
        for crop, clean in zip(together.seen[12:18], together.seen[24:], strict=True)
    ]
    # Every face has noise of its own.
    assert np.corrcoef(noise[2].ravel(), noise[3].ravel())[0, 1] < 0.3


def test_the_seed_decides(faces: Manifest) -> None:
    first, again, other = (run(faces, seed=seed).table for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    noisy = first["corruption"] == "gaussian_noise"
    assert (first["mae"][noisy] != other["mae"][noisy]).all()
    assert (first["mae"][~noisy] == other["mae"][~noisy]).all()


def test_chunks_change_nothing(faces: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = changed(faces, [1, 2, 5], status="no_face")
    whole = run(broken)
    monkeypatch.setattr("facelage.evaluate.corruptions.run._CHUNK", 2)
    parts = run(broken)
    pd.testing.assert_frame_equal(whole.table, parts.table)
    assert parts.unusable == whole.unusable == {"no_face": 3}


def test_failures_are_counted_and_the_rest_goes_on(faces: Manifest, tmp_path: Path) -> None:
    manifest = changed(faces, [0], path="gone.png")
    manifest = changed(manifest, [2], status="several_faces")
    manifest = changed(manifest, [3], age=np.nan)
    result = run(manifest, Brightness(), Faces(fails=1))
    assert (result.images, result.unlabelled) == (5, 1)
    assert result.unusable == {"unreadable": 1, "several_faces": 1}
    good, bad = (part for _, part in result.table.groupby("model"))
    assert set(good["failures"]) == {2}
    assert set(bad["failures"]) == {3}
    assert (result.table["n"] + result.table["failures"] == 5).all()
    kept = Manifest(faces.frame.iloc[[1, 4, 5]], faces.root)
    assert list(good["mae"]) == list(run(kept).table["mae"])


def test_a_model_without_any_age_has_no_error(faces: Manifest) -> None:
    class Silent(Brightness):
        def predict_crops(self, crops: np.ndarray) -> np.ndarray:
            return np.full(len(crops), np.inf)

    table = run(faces, Silent(), names=["grey"], severities=[1]).table
    assert list(table["n"]) == [0, 0]
    assert list(table["failures"]) == [6, 6]
    assert table[["mae", "bias", "cs5"]].isna().all(axis=None)


def test_no_face_at_all_is_a_named_error(faces: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no face could be shown.*unreadable: no such image"):
        run(Manifest(faces.frame, tmp_path))
    with pytest.raises(ManifestError, match=r"no face could be shown.*got: 0 rows"):
        run(changed(faces, list(range(6)), age=np.nan))


def test_a_limit_draws_faces_from_all_of_them(faces: Manifest) -> None:
    drawn = set()
    for seed in range(8):
        model = Brightness()
        result = run(faces, model, names=[], limit=2, seed=seed)
        assert (result.images, len(model.seen)) == (2, 2)
        drawn |= {round(crop.mean()) for crop in model.seen}
    assert len(drawn) == 6
    assert run(faces, names=[], limit=99).images == 6
    with pytest.raises(ConfigError, match="limit is out of range; got: 0"):
        run(faces, limit=0)


def test_models_have_to_take_a_face_and_a_name_of_their_own(faces: Manifest) -> None:
    class Images:
        name = "images"

        def predict_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
            raise AssertionError

    with pytest.raises(ConfigError, match="take a given face; got: Images"):
        run(faces, Brightness(), Images())
    with pytest.raises(ConfigError, match="got: no model"):
        corrupt_and_evaluate([], faces)
    with pytest.raises(ConfigError, match="two models have one name; got: brightness"):
        run(faces, Brightness(), Brightness())


def test_the_saved_table_is_the_table(faces: Manifest, tmp_path: Path) -> None:
    result = run(faces, names=["jpeg"])
    result.save(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["corruptions.csv"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / "corruptions.csv"), result.table)


def test_photos_that_were_moved_are_found(sizes: Manifest, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in sizes.frame["path"]:
        (sizes.root / name).rename(moved / name)
    with pytest.raises(ManifestError, match="no face could be shown"):
        run(sizes, SharpCrops(), names=["grey"], severities=[1])
    table = run(sizes, SharpCrops(), names=["grey"], severities=[1], photos=moved).table
    assert list(table["n"]) == [3, 3]
