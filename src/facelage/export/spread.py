"""Fit the neuron that tells how far off a face's age is likely to be.

It learns a trained model's errors on faces that the model was not trained on, and changes
no age: see :mod:`facelage.infer.spread`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelage.infer.spread import SpreadNeuron, spreads
from facelage.metrics.bootstrap import Groups, unit_numbers

#: Years added to errors before the logarithm: a hit of 0.1 year is no better than one of 0.5.
_OFFSET = 0.5
#: Years of the Gaussian that says which errors are usual at an age.
_BANDWIDTH = 5.0
_FOLDS = 10
_FEWEST_PEOPLE = 5
#: Strengths of the ridge regression that are tried, by leaving one face out at a time.
_STRENGTHS = tuple(10.0**power for power in np.arange(2, 6.5, 0.5))


def fit_spread(
    features: NDArray[np.floating[Any]],
    true: NDArray[np.float64],
    predicted: NDArray[np.float64],
    groups: Groups | None = None,
) -> tuple[SpreadNeuron, NDArray[np.float64]]:
    """A neuron that tells how far off faces are, and the spreads of these very faces.

    Parameters
    ----------
    features:
        N x F: what the age's neuron sees of faces that the model was not trained on.
    true, predicted:
        Their ages, N each, in years.
    groups:
        Whose face each is, empty where unknown: a face's spread never comes from others
        of its group, whom the network's features would give away. With fewer than five
        people all spreads are 1.

    Returns
    -------
    SpreadNeuron, numpy.ndarray
        The neuron from all faces; and the spreads (N) from nine tenths of them, each face's
        from those without it, as a calibration needs them.

    Notes
    -----
    Ridge regression on the logarithm of the error over what is usual at the predicted age.
    On few faces it finds little, and all spreads are near 1.
    """
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import GroupKFold, KFold

    units = unit_numbers(groups, len(true))
    people = len(np.unique(units))
    if people < _FEWEST_PEOPLE:
        return SpreadNeuron(np.zeros(features.shape[1]), 0.0), np.ones(len(true))
    errors = np.abs(true - predicted)
    target = np.log((errors + _OFFSET) / (_usual(predicted, errors) + _OFFSET))
    mean, std = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64) + 1e-6
    inputs = (features - mean) / std
    if people == len(true):
        strength = RidgeCV(_STRENGTHS).fit(inputs, target).alpha_
        folds = list(KFold(min(_FOLDS, people), shuffle=True, random_state=0).split(inputs))
    else:
        folds = list(GroupKFold(min(_FOLDS, people)).split(inputs, groups=units))
        search = RidgeCV(_STRENGTHS, cv=folds, scoring="neg_mean_squared_error")
        strength = search.fit(inputs, target).alpha_
    apart = np.empty(len(target))
    for others, own in folds:
        apart[own] = Ridge(strength).fit(inputs[others], target[others]).predict(inputs[own])
    found = Ridge(strength).fit(inputs, target)
    # A hit is much nearer than usual, so that logarithms are below 0 on average; spreads are
    # about 1.
    middle = float(apart.mean())
    weights = found.coef_ / std
    bias = float(found.intercept_ - middle - mean @ weights)
    return SpreadNeuron(weights, bias), spreads(apart - middle)


def _usual(predicted: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean error of faces that look about as old, at each face."""
    ages, place = np.unique(np.round(predicted), return_inverse=True)
    kernel = np.exp(-0.5 * ((ages[:, None] - predicted[None, :]) / _BANDWIDTH) ** 2)
    return np.asarray((kernel @ errors / kernel.sum(1))[place], np.float64)
