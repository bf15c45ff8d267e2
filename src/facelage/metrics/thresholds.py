"""Errors of an age check: who passes that should not, and who is stopped that need not be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from facelage.errors import ConfigError
from facelage.metrics.regression import check_pair


def threshold_errors(
    true: ArrayLike,
    predicted: ArrayLike,
    *,
    legal_age: int = 18,
    challenge: Iterable[int] | None = None,
) -> dict[str, Any]:
    """Error rates of letting people pass whose estimated age reaches a challenge age.

    Those estimated younger are challenged, that is asked for a document. The
    higher the challenge age, the fewer minors pass and the more adults are
    challenged ("Challenge 25"). In the manner of the age verification part of
    NIST's Face Analysis Technology Evaluation (NIST IR 8525, 2024). The rates
    are over all faces on either side of the legal age, and depend on how many
    are close to it.

    Parameters
    ----------
    legal_age:
        Years from which people may pass.
    challenge:
        Challenge ages in whole years; `legal_age` and the 17 years above by default.

    Returns
    -------
    dict
        ``legal_age``; ``n_under`` and ``n_over``, the faces on either side;
        ``challenge``: for each challenge age (as text) the
        ``false_positive_rate``, the share of the people under the legal age who
        are estimated at the challenge age or more, and the
        ``false_negative_rate``, the share of the others who are estimated
        below it. Both in 0..1; None if there is nobody on that side.

    Raises
    ------
    ConfigError
        If `legal_age` is not positive.
    """
    a, b = check_pair(true, predicted)
    if legal_age <= 0:
        raise ConfigError("legal_age is out of range", got=str(legal_age), expected="1 or more")
    years = list(range(legal_age, legal_age + 18) if challenge is None else challenge)
    under, over = np.sort(b[a < legal_age]), np.sort(b[a >= legal_age])
    passed = len(under) - np.searchsorted(under, years, side="left")
    stopped = np.searchsorted(over, years, side="left")
    return {
        "legal_age": legal_age,
        "n_under": len(under),
        "n_over": len(over),
        "challenge": {
            str(year): {
                "false_positive_rate": int(p) / len(under) if len(under) else None,
                "false_negative_rate": int(s) / len(over) if len(over) else None,
            }
            for year, p, s in zip(years, passed, stopped, strict=True)
        },
    }
