"""What live teachers have said of training faces, so that they are asked once.

Teachers that are asked about every crop cost as much in the last epoch as in the first. With
a few views of each face, drawn once, their answers can be kept: an epoch after the first few
costs hardly more than one without teachers.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facelage.train.live import LiveTeachers


class RememberedTeachers:
    """Live teachers and their answers to each view of each training face.

    Parameters
    ----------
    live:
        Whom to ask.
    faces, views:
        Number of training faces, and of views of each; without views everything is asked anew.
    """

    def __init__(self, live: LiveTeachers, faces: int, views: int) -> None:
        self._live, self._shape = live, (views, faces)
        #: By the crops' side in pixels: which views are known, and the answers by column.
        self._known: dict[int, NDArray[np.bool_]] = {}
        self._answers: dict[int, dict[str, Tensor]] = {}

    def ask(
        self, crops: Tensor, rows: NDArray[np.int64], views: NDArray[np.int64]
    ) -> dict[str, Tensor]:
        """As :meth:`facelage.train.live.LiveTeachers.ask`, of faces `rows` in their `views`.

        `crops` (N x 3 x S x S) must show what these rows and views (N each) always show
        at this size; only those that were not there before are asked about.
        """
        if not self._live or not self._shape[0]:
            return self._live.ask(crops)
        side = crops.shape[-1]
        known = self._known.setdefault(side, np.zeros(self._shape, bool))
        answers = self._answers.setdefault(side, {})
        new = np.flatnonzero(~known[views, rows])
        if len(new):
            for column, said in self._live.ask(crops[torch.from_numpy(new)]).items():
                if column not in answers:
                    answers[column] = torch.zeros((*self._shape, *said.shape[1:]))
                answers[column][views[new], rows[new]] = said
            known[views[new], rows[new]] = True
        return {column: kept[views, rows] for column, kept in answers.items()}
