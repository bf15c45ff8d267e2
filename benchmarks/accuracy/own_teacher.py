"""Write the mean answer of trained models as a teacher that Trainer asks about every training crop.

    python benchmarks/accuracy/own_teacher.py OUT MODEL MODEL...

writes OUT, an ONNX file for the setting `live`, from runs' kept weights or .safetensors files:
normalised crops of any size in, and out `teacher_own`, years, N x 1. Several networks together
are more accurate than each of them, and what they say together one network can learn. A file
that is there is left as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from average import load_alike
from live_teacher import to_onnx
from torch import Tensor, nn

from facelage.files import write_bytes


class MeanAnswer(nn.Module):
    """The mean age, N x 1, of models that give N x 1 each."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, images: Tensor) -> Tensor:
        answers = [model(images).reshape(-1, 1) for model in self.models]
        return torch.cat(answers, dim=1).mean(dim=1, keepdim=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.out.is_file():
        print(f"{arguments.out} is there")
        return
    models, _ = load_alike(arguments.models)
    teacher = MeanAnswer(models).eval()
    write_bytes(arguments.out, to_onnx(teacher, ["teacher_own"]))


if __name__ == "__main__":
    main()
