"""ONNX Runtime sessions are opened with the threads that were asked for, from files and bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelage.models.weights import SHIPPED
from facelage.onnx_sessions import open_session

MODEL = min(SHIPPED.glob("*-int8.onnx"))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_threads_are_those_asked_for(threads: int) -> None:
    options = open_session(MODEL, threads=threads).get_session_options()
    assert options.intra_op_num_threads == threads
    assert options.inter_op_num_threads == 1
    assert options.log_severity_level == 3


def test_without_threads_the_choice_is_onnx_runtimes() -> None:
    assert open_session(MODEL).get_session_options().intra_op_num_threads == 0


def test_a_file_and_its_bytes_are_the_same_model() -> None:
    crop = np.random.default_rng(0).normal(size=(2, 3, 128, 128)).astype(np.float32)
    ages = [
        open_session(model, threads=1).run(None, {"input": crop})[0]
        for model in (MODEL, str(MODEL), MODEL.read_bytes())
    ]
    np.testing.assert_array_equal(ages[0], ages[1])
    np.testing.assert_array_equal(ages[0], ages[2])


def test_providers_are_those_asked_for() -> None:
    session = open_session(MODEL, providers=["CPUExecutionProvider"])
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(Exception, match=r"(?i)protobuf|load"):
        open_session(broken)
