"""Train, validation and test splits, and folds, that keep groups whole and ages alike.

scikit-learn's StratifiedGroupKFold does the dividing: every split gets its
share of each age band, and a group (a subject, or a cluster of
near-duplicates) is never on two sides.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facelage.errors import ConfigError, ManifestError

if TYPE_CHECKING:
    from facelage.data.manifest import Manifest

#: Lower ends of the age bands that splits are stratified by, in years.
AGE_BANDS = (0, 3, 6, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 90)


def age_bands(ages: ArrayLike, at_least: int) -> NDArray[np.int64]:
    """The band number of each age, rare bands joined to the one below.

    Every number that is returned occurs at least `at_least` times, unless
    there are fewer ages than that.
    """
    bands = np.searchsorted(AGE_BANDS, np.asarray(ages, np.float64), side="right") - 1
    if not len(bands):
        return bands.astype(np.int64)
    for band in range(len(AGE_BANDS) - 1, 0, -1):
        members = bands == band
        if 0 < members.sum() < at_least:
            bands[members] = band - 1
    # The lowest band has nothing below it to join, so it joins the next one up.
    lowest = bands == bands.min()
    if lowest.sum() < at_least and not lowest.all():
        bands[lowest] = bands[~lowest].min()
    return bands.astype(np.int64)


def assign_splits(
    manifest: Manifest, *, val: float = 0.1, test: float = 0.1, seed: int = 0
) -> Manifest:
    """Fill the ``split`` column of the rows whose status is ok; the others get none.

    Parameters
    ----------
    val, test:
        Shares in 0..0.5, at most 0.9 together, met to within a tenth of
        themselves (groups permitting); 0 leaves a split out.
    seed:
        Equal seeds give equal splits whatever the order of the rows.

    Raises
    ------
    ConfigError
        If a share is out of range.
    ManifestError
        If there are too few groups to divide.
    """
    check_shares(val, test)
    frame = manifest.frame.copy()
    frame["split"] = ""
    rows = _ordered_rows(manifest)
    remaining, share_left = rows, 1.0
    for name, share in (("test", test), ("val", val)):
        if share:
            wanted = share / share_left
            part = Fraction(1, max(2, round(1 / wanted)))
            if abs(part - wanted) > wanted / 10:
                part = Fraction(wanted).limit_denominator(max(2, min(10, len(remaining))))
            chosen = _folds(manifest, remaining, part.denominator, seed) < part.numerator
            frame.loc[remaining[chosen], "split"] = name
            remaining, share_left = remaining[~chosen], share_left - share
    frame.loc[remaining, "split"] = "train"
    return type(manifest)(frame, manifest.root)


def check_shares(val: float, test: float) -> None:
    """Raise a :class:`ConfigError` if :func:`assign_splits` can't work with these shares."""
    for name, share in (("val", val), ("test", test)):
        if not 0 <= share <= 0.5:
            raise ConfigError(f"{name} is out of range", got=str(share), expected="0 to 0.5")
    if val + test > 0.9:
        raise ConfigError(
            "too little is left to train on",
            got=f"val {val} + test {test}",
            expected="0.9 or less together",
        )


def check_seed(seed: int) -> None:
    """Raise a :class:`ConfigError` if splits can't be drawn with this seed."""
    if not 0 <= seed < 2**32:
        raise ConfigError("seed is out of range", got=str(seed), expected="0 to 2**32 - 1")


def k_folds(manifest: Manifest, folds: int = 5, *, seed: int = 0) -> NDArray[np.int64]:
    """The fold number (0 .. folds-1) of every row; -1 where the status is not ok.

    Raises
    ------
    ConfigError
        If `folds` is below 2.
    ManifestError
        If there are too few groups to divide.
    """
    if folds < 2:
        raise ConfigError("too few folds", got=str(folds), expected="2 or more")
    numbers = np.full(len(manifest), -1, np.int64)
    rows = _ordered_rows(manifest)
    numbers[rows] = _folds(manifest, rows, folds, seed)
    return numbers


def _ordered_rows(manifest: Manifest) -> NDArray[np.int64]:
    """Usable rows in an order that depends on their paths only."""
    frame = manifest.frame
    rows = np.flatnonzero((frame["status"] == "ok").to_numpy())
    if np.isnan(manifest.ages()[rows]).any():
        raise ManifestError(
            "rows with status ok have no age",
            got=f"{int(np.isnan(manifest.ages()[rows]).sum())} of {len(rows)}",
            fix="run `facelage prepare`, which marks them",
        )
    paths = frame["path"].to_numpy()[rows]
    return rows[np.argsort(paths.astype(str), kind="stable")].astype(np.int64)


def _folds(manifest: Manifest, rows: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold

    check_seed(seed)
    groups = manifest.frame["group"].to_numpy()[rows]
    paths = manifest.frame["path"].to_numpy()[rows]
    groups = np.array([group or f"\0{path}" for group, path in zip(groups, paths, strict=True)])
    distinct = len(set(groups))
    if distinct < count:
        raise ManifestError(
            "too few faces to split",
            got=f"{distinct} groups",
            expected=f"at least {count}",
            fix="add images, or ask for a larger share (fewer folds)",
        )
    bands = age_bands(manifest.ages()[rows], at_least=count)
    if len(rows) < 2 * count:
        bands[:] = 0
    splitter: Any = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    numbers = np.empty(len(rows), np.int64)
    for number, (_, held_out) in enumerate(splitter.split(rows, bands, groups)):
        numbers[held_out] = number
    return numbers
