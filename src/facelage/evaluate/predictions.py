"""Ages that were predicted elsewhere, as a table: ``path,predicted``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facelage.data.manifest import Manifest, number_column, read_table
from facelage.errors import FacelageWarning, ManifestError

#: Columns of a manifest, which holds true ages: `age` beside one is no prediction.
_OF_MANIFESTS = ("split", "crop", "sha256")


class PredictionsTable:
    """Predictions by path.

    Parameters
    ----------
    frame:
        Columns ``path`` and ``predicted`` (years; empty or NaN for no age), or
        ``path`` and ``age``, which then is taken as the prediction, with a warning.
        Where both are there, ``age`` is not looked at: the true ages are the
        manifest's. Optional are ``low`` and ``high``, the ends of an interval
        (years), and ``status`` and ``reason``, which say why there is no age, as
        :meth:`facelage.evaluate.Evaluation.save` writes them.
    name:
        Name for tables.

    Raises
    ------
    ManifestError
        If there is no row, a column is missing or no number, there is but one of
        ``low`` and ``high``, a path occurs twice, an interval ends before it
        starts, or the table is a manifest without predictions.

    Warns
    -----
    FacelageWarning
        If ``age`` is taken as the prediction.
    """

    def __init__(self, frame: pd.DataFrame, name: str = "predictions") -> None:
        self.name = name
        #: The file that it was read from, if it was.
        self.path: Path | None = None
        if "path" not in frame or not {"predicted", "age"} & set(frame):
            raise ManifestError(
                "not a table of predictions",
                got="the columns " + ", ".join(map(str, frame.columns)),
                expected="path and predicted (or age)",
            )
        if not len(frame):
            raise ManifestError(
                "the table is empty", got=f"0 rows in {name}", expected="one prediction an image"
            )
        self._from_age = "predicted" not in frame
        if self._from_age and (found := [c for c in _OF_MANIFESTS if c in frame]):
            raise ManifestError(
                "a manifest is no table of predictions",
                got=f"a column age beside {', '.join(found)}",
                expected="path and predicted",
                fix="name the column of predicted ages 'predicted'",
            )
        paths = frame["path"].astype(str)
        repeated = list(dict.fromkeys(paths[paths.duplicated()]))
        if repeated:
            raise ManifestError(
                "paths occur more than once among the predictions",
                got=shortened(repeated),
                expected="one prediction an image",
            )
        table = pd.DataFrame({"path": paths})
        table["predicted"] = number_column(frame, "age" if self._from_age else "predicted")
        ends = [column for column in ("low", "high") if column in frame]
        if len(ends) == 1:
            raise ManifestError(
                "the intervals have one end only", got=ends[0], expected="low and high, or neither"
            )
        self.has_intervals = bool(ends)
        if self.has_intervals:
            table["low"], table["high"] = number_column(frame, "low"), number_column(frame, "high")
            endless = paths[np.isinf(table["low"]) | np.isinf(table["high"])]
            if len(endless):
                raise ManifestError(
                    "an interval has no end",
                    got=shortened(list(endless)),
                    expected="low and high in years, or empty cells",
                )
            backward = paths[table["low"] > table["high"]]
            if len(backward):
                raise ManifestError(
                    "an interval ends before it starts",
                    got=shortened(list(backward)),
                    expected="low at most high",
                )
        for column in ("status", "reason"):
            table[column] = _text(frame[column]) if column in frame else ""
        self._table = table.set_index("path")
        if self._from_age:
            warnings.warn(
                f"{name} has no column predicted: its column age is taken as the prediction",
                FacelageWarning,
                stacklevel=2,
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PredictionsTable:
        """Read a CSV or Parquet file; its name is the model's.

        A file ``predictions.csv``, as evaluations write it, goes by its folder's name.

        Raises
        ------
        ManifestError
            If the file is missing or can't be used.
        """
        path = Path(path)
        if not path.is_file():
            raise ManifestError(
                "there is no such table of predictions", got=str(path), fix="check the path"
            )
        name = path.resolve().parent.name if path.stem == "predictions" else path.stem
        table = cls(read_table(path), name)
        table.path = path
        return table

    def __len__(self) -> int:
        return len(self._table)

    def match(self, paths: Iterable[str]) -> pd.DataFrame:
        """The predictions of these images, in their order.

        Returns
        -------
        pandas.DataFrame
            ``predicted``, ``status``, ``reason`` and, if the table has them, ``low``
            and ``high``. The status is ``ok``, ``no_prediction`` for an image that the
            table lacks, and for one without an age what the table says, or ``no_age``.

        Raises
        ------
        ManifestError
            If the table has none of the images.
        """
        wanted = list(paths)
        known = np.array([path in self._table.index for path in wanted], bool)
        if wanted and not known.any():
            raise ManifestError(
                "the predictions are for other images",
                got=f"{len(self)} paths, such as {self._table.index[0]!r}",
                expected=f"some of the {len(wanted)} paths of the data, such as {wanted[0]!r}",
                fix="write the paths as the data's table has them",
            )
        found = self._table.reindex(wanted).reset_index(drop=True)
        finite = np.isfinite(found["predicted"].to_numpy(np.float64))
        found.loc[~finite, "predicted"] = np.nan
        silent = ~finite & known & found["status"].isin(["", "ok"]).to_numpy()
        found.loc[finite, ["status", "reason"]] = "ok", ""
        found.loc[silent, ["status", "reason"]] = "no_age", "the table has no finite age"
        found.loc[~known, ["status", "reason"]] = "no_prediction", "the table lacks the image"
        return found

    def check_not_true(self, manifest: Manifest) -> None:
        """Raise a :class:`ManifestError` if a column ``age`` holds the data's own true ages."""
        if not self._from_age:
            return
        said = self._table["predicted"].reindex(manifest.frame["path"]).to_numpy(np.float64)
        both = np.isfinite(said) & np.isfinite(manifest.ages())
        if both.any() and np.array_equal(said[both], manifest.ages()[both]):
            raise ManifestError(
                "the table holds the true ages, not predictions",
                got=f"a column age that equals the data's in all {both.sum()} rows",
                expected="path and predicted",
                fix="name the column of predicted ages 'predicted'",
            )

    def unused(self, paths: Iterable[str]) -> list[str]:
        """The table's paths that are none of these."""
        given = set(paths)
        return [path for path in self._table.index if path not in given]


def shortened(names: list[str], shown: int = 5) -> str:
    """The first few of many names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype(object).where(column.notna(), "").astype(str)
