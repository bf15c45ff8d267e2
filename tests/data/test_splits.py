from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelage.data.manifest import Manifest, from_records
from facelage.data.splits import AGE_BANDS, age_bands, assign_splits, k_folds
from facelage.errors import ConfigError, ManifestError


def faces(count: int, seed: int = 0, people: int = 0) -> Manifest:
    """`count` rows with ages as in a real set; in groups if there are `people`."""
    random = np.random.default_rng(seed)
    ages = np.clip(random.gamma(3, 11, count), 0, 110).round()
    return from_records(
        [
            {
                "path": f"{index:04}.jpg",
                "age": float(age),
                "group": f"p{random.integers(people)}" if people else "",
            }
            for index, age in enumerate(ages)
        ],
        ".",
    )


def by_path(manifest: Manifest, values: Any = None) -> dict[str, Any]:
    column = manifest.frame["split"] if values is None else values
    return dict(zip(manifest.frame["path"], column, strict=True))


manifests = st.builds(
    faces, st.integers(60, 150), st.integers(0, 99), st.sampled_from([0, 30, 60, 200])
)
seeds = st.integers(0, 2**31)


@settings(max_examples=8)
@given(manifests, seeds, st.randoms(use_true_random=False))
def test_splits_depend_on_the_seed_and_not_on_the_order(
    manifest: Manifest, seed: int, random: Any
) -> None:
    before = by_path(assign_splits(manifest, seed=seed))
    folds = by_path(manifest, k_folds(manifest, 4, seed=seed))
    order = list(range(len(manifest)))
    random.shuffle(order)
    shuffled = Manifest(manifest.frame.iloc[order], manifest.root)
    assert by_path(assign_splits(shuffled, seed=seed)) == before
    assert by_path(shuffled, k_folds(shuffled, 4, seed=seed)) == folds
    assert by_path(assign_splits(manifest, seed=seed)) == before


def test_another_seed_is_another_split() -> None:
    manifest = faces(300)
    assert by_path(assign_splits(manifest, seed=1)) != by_path(assign_splits(manifest, seed=2))
    assert (k_folds(manifest, seed=1) != k_folds(manifest, seed=2)).any()


@settings(max_examples=8)
@given(st.builds(faces, st.integers(60, 150), st.integers(0, 99), st.sampled_from([25, 60])), seeds)
def test_no_group_is_ever_divided(manifest: Manifest, seed: int) -> None:
    split = assign_splits(manifest, seed=seed).frame
    assert (split.groupby("group")["split"].nunique() == 1).all()
    folded = manifest.frame.assign(fold=k_folds(manifest, 5, seed=seed))
    assert (folded.groupby("group")["fold"].nunique() == 1).all()
    assert set(split["split"]) == {"train", "val", "test"}


@pytest.mark.parametrize("seed", range(2))
def test_every_split_has_its_share_of_every_age_band(seed: int) -> None:
    manifest = faces(1500, seed)
    split = assign_splits(manifest, val=0.1, test=0.2, seed=seed).frame
    bands = age_bands(manifest.ages(), at_least=10)
    for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        for band in np.unique(bands):
            inside = bands == band
            found = ((split["split"] == name).to_numpy() & inside).sum()
            assert abs(found - share * inside.sum()) <= 2


@pytest.mark.parametrize(
    ("val", "test"),
    [(0.1, 0.1), (0.05, 0.1), (0.3, 0.3), (0.4, 0.4), (0.15, 0.2), (0.5, 0.4), (0.02, 0.45)],
)
def test_shares_are_met_to_a_tenth_of_themselves(val: float, test: float) -> None:
    split = assign_splits(faces(600), val=val, test=test).frame["split"]
    assert (split == "val").mean() == pytest.approx(val, rel=0.12)
    assert (split == "test").mean() == pytest.approx(test, rel=0.12)


def test_a_share_of_nothing_leaves_a_split_out() -> None:
    assert set(assign_splits(faces(100), val=0).frame["split"]) == {"train", "test"}
    assert set(assign_splits(faces(100), val=0, test=0).frame["split"]) == {"train"}


def test_only_usable_rows_get_a_split_or_a_fold() -> None:
    manifest = faces(100)
    frame = manifest.frame.copy()
    frame.loc[::3, "status"] = "no_face"
    frame.loc[::3, "age"] = np.nan
    frame["split"] = "test"
    manifest = Manifest(frame, ".")
    split = assign_splits(manifest).frame
    assert ((split["split"] == "") == (split["status"] != "ok")).all()
    assert ((k_folds(manifest) == -1) == (split["status"] != "ok")).all()
    assert (manifest.frame["split"] == "test").all()


def test_folds_share_the_rows_evenly() -> None:
    folds = k_folds(faces(500), 5)
    assert np.bincount(folds).tolist() == pytest.approx([100] * 5, abs=10)


@pytest.mark.parametrize("count", [10, 11, 15, 19, 25])
def test_small_sets_are_split_too(count: int) -> None:
    split = assign_splits(faces(count)).frame["split"]
    assert {"train", "val", "test"} == set(split)


def test_one_group_or_few_faces_cannot_be_split() -> None:
    with pytest.raises(ManifestError, match="too few faces to split; got: 9 groups; expected"):
        assign_splits(faces(9))
    with pytest.raises(ManifestError, match="got: 1 groups"):
        assign_splits(faces(50, people=1))
    with pytest.raises(ManifestError, match="got: 3 groups; expected: at least 4"):
        k_folds(faces(3), 4)
    with pytest.raises(ManifestError, match="got: 0 groups"):
        assign_splits(faces(0))


def test_bad_settings_are_named() -> None:
    for name in ("val", "test"):
        for share in (-0.1, 0.6, float("nan")):
            with pytest.raises(ConfigError, match=f"{name} is out of range.*0 to 0.5"):
                assign_splits(faces(20), **{name: share})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"got: val 0\.5 \+ test 0\.5; expected: 0\.9"):
        assign_splits(faces(20), val=0.5, test=0.5)
    with pytest.raises(ConfigError, match="too few folds; got: 1"):
        k_folds(faces(20), 1)
    unlabelled = from_records([{"path": f"{n}"} for n in range(20)], ".")
    with pytest.raises(ManifestError, match="have no age; got: 20 of 20"):
        assign_splits(unlabelled)


@given(st.lists(st.floats(0, 122), max_size=80), st.integers(1, 20))
def test_no_age_band_is_rarer_than_asked(ages: list[float], at_least: int) -> None:
    bands = age_bands(ages, at_least)
    assert len(bands) == len(ages)
    _, counts = np.unique(bands, return_counts=True)
    assert (counts >= min(at_least, len(ages))).all()
    # Older people are never in a lower band.
    assert (np.diff(bands[np.argsort(ages)]) >= 0).all()


def test_bands_begin_where_they_say() -> None:
    ages = np.repeat(AGE_BANDS, 2) + np.tile([0.0, 0.99], len(AGE_BANDS))
    assert age_bands(ages, 1).tolist() == np.repeat(np.arange(len(AGE_BANDS)), 2).tolist()
