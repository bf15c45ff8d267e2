"""Teachers that are asked about every training crop as the student sees it.

A column of answers says what a teacher thinks of a clean photo. Asked about the very crop that
the student gets, turned, blurred or grey, it also shows what it makes of such pictures, and the
student comes to follow it there too (Beyer et al., "Knowledge distillation: A good teacher is
patient and consistent", CVPR 2022).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelage.errors import ConfigError, WeightsError
from facelage.onnx_sessions import open_session


class LiveTeachers:
    """Model files whose outputs are named as teachers' or embeddings' columns.

    Parameters
    ----------
    files:
        ONNX files. Each has one input, normalised crops (N x 3 x S x S, float32, as the
        network's own, for every S of the run), and outputs of N x 1 years or N x D
        components of an embedding, about 1 standard deviation large.
    teachers, embeddings:
        The columns that the outputs may stand in for.
    sizes:
        Sides in pixels of the crops that will be asked about.
    threads:
        Threads of a model; 0 is ONNX Runtime's choice.

    Raises
    ------
    WeightsError
        If a file can't be opened or has other inputs.
    ConfigError
        If an output is no column's, two are the same column's, or a teacher's output
        has more than one number a face.
    """

    def __init__(
        self,
        files: Sequence[str] = (),
        teachers: Collection[str] = (),
        embeddings: Collection[str] = (),
        *,
        sizes: Sequence[int] = (),
        threads: int = 0,
    ) -> None:
        #: Number of components of each embedding that is asked for.
        self.components: dict[str, int] = {}
        #: Columns of teachers that are asked.
        self.teachers: list[str] = []
        self._sessions: list[tuple[Any, str, list[str]]] = []
        self._digest = hashlib.sha256()
        for file in files:
            session, given = _open(file, threads, sizes)
            outputs = {output.name: output.shape[-1] for output in session.get_outputs()}
            for name, width in outputs.items():
                if name in self.teachers or name in self.components:
                    raise ConfigError("two live teachers give one column", got=f"{name} in {file}")
                if name in teachers and (width == 1 or not isinstance(width, int)):
                    self.teachers.append(name)
                elif name in embeddings and isinstance(width, int):
                    self.components[name] = width
                else:
                    raise ConfigError(
                        "a live teacher gives what is not learned",
                        got=f"the output {name} of {file}",
                        expected=f"columns of `teachers` ({', '.join(teachers) or 'none'}; N x 1) "
                        f"or `embeddings` ({', '.join(embeddings) or 'none'}; N x a fixed number)",
                        fix="name the model's outputs as the columns, and give these a weight",
                    )
            self._sessions.append((session, given, list(outputs)))
            self._digest.update(Path(file).read_bytes())

    def __bool__(self) -> bool:
        return bool(self._sessions)

    def __contains__(self, column: str) -> bool:
        return column in self.teachers or column in self.components

    def digest(self) -> bytes:
        """SHA-256 of the files, which names a run's teachers."""
        return self._digest.digest()

    def ask(self, images: Tensor) -> dict[str, Tensor]:
        """What the teachers say of N x 3 x S x S crops: N years, or N x D, by column."""
        answers: dict[str, Tensor] = {}
        if not self._sessions:
            return answers
        crops = np.ascontiguousarray(images.numpy())
        for session, given, names in self._sessions:
            for name, value in zip(names, session.run(names, {given: crops}), strict=True):
                answer = torch.from_numpy(np.asarray(value, np.float32))
                if name not in self.components:
                    if answer.numel() != len(crops):
                        raise ConfigError(
                            "a live teacher gives more than an age for each face",
                            got=f"{name} of shape {tuple(answer.shape)} for {len(crops)} crops",
                            expected=f"{len(crops)} x 1 years",
                        )
                    answer = answer.reshape(len(crops))
                answers[name] = answer
        return answers


def with_answers(targets: Tensor, teachers: Collection[str], said: Mapping[str, Tensor]) -> Tensor:
    """Targets of N x (label, then `teachers`) with what live ones have said in their columns."""
    targets = targets.clone()
    for column, name in enumerate(teachers, start=1):
        if name in said:
            targets[:, column] = said[name]
    return targets


def _open(file: str, threads: int, sizes: Sequence[int]) -> tuple[Any, str]:
    with _named(file):
        session = open_session(file, threads=threads or None)
    inputs = session.get_inputs()
    shapes = [entry.shape for entry in inputs]
    free = len(shapes) == 1 and len(shapes[0]) == 4 and not isinstance(shapes[0][0], int)
    if not free or shapes[0][1] != 3:
        raise WeightsError(
            "a live teacher has other inputs",
            got=f"{file}: {shapes}",
            expected="one input, N x 3 x S x S normalised crops, N free",
        )
    fixed = {side for side in shapes[0][2:] if isinstance(side, int)}
    if other := [size for size in dict.fromkeys(sizes) if fixed - {size}]:
        raise WeightsError(
            "a live teacher takes crops of another size",
            got=f"{file}: {shapes[0]}, asked about crops of {', '.join(map(str, other))} pixels",
            expected="height and width that are free, or those of every crop of the run",
            fix="export it with free sides, or train with `sizes` of its own",
        )
    return session, inputs[0].name


@contextmanager
def _named(file: str) -> Iterator[None]:
    """ONNX Runtime's own errors, whose classes are not public, as a WeightsError."""
    if not Path(file).is_file():
        raise WeightsError("no such live teacher", got=file, expected="an ONNX file")
    try:
        yield
    except Exception as error:
        raise WeightsError(
            "a live teacher can't be opened", got=f"{file}: {error}", expected="an ONNX file"
        ) from error
