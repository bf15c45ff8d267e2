from __future__ import annotations

import pickle

import pytest

from facelage import errors
from facelage.errors import FacelageError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, FacelageError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_message_tells_problem_found_expected_and_fix(kind: type[FacelageError]) -> None:
    error = kind("it broke", got="1", expected="2", fix="add 1")
    assert str(error) == "it broke; got: 1; expected: 2; fix: add 1"
    assert str(kind("it broke", fix="add 1")) == "it broke; fix: add 1"
    assert str(kind("it broke")) == "it broke"


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_the_way_back_from_a_worker_process(kind: type[FacelageError]) -> None:
    error = kind("it broke", got="1", expected="2", fix="add 1")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert (copy.problem, copy.got, copy.expected, copy.fix) == ("it broke", "1", "2", "add 1")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (errors.ImageError, ValueError),
        (errors.ImageNotFoundError, FileNotFoundError),
        (errors.MissingDependencyError, ImportError),
        (errors.ManifestError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.TrainingDivergedError, ArithmeticError),
    ],
)
def test_pythons_own_names_catch_them(kind: type[FacelageError], name: type[Exception]) -> None:
    with pytest.raises(name, match="it broke"):
        raise kind("it broke")


def test_warnings_have_one_base() -> None:
    assert issubclass(errors.DetectorFallbackWarning, errors.FacelageWarning)
    assert issubclass(errors.FacelageWarning, UserWarning)
