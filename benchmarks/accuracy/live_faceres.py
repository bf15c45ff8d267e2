"""Write FaceRes as a teacher that Trainer asks about every training crop.

    python benchmarks/accuracy/live_faceres.py PREPARED... --weights FOLDER... --out FILE

writes an ONNX file for the setting `live`: normalised crops of any size in, and out

- `teacher_faceres`: years, N x 1, moved as faceres_teacher.py moves them;
- `face_features`: the first 64 principal components (standard deviation 1) of the 1,024 numbers
  that it tells identities, gender and age by, N x 64, fitted on every fourth training face.

FaceRes wants a crop 1.25 times as wide; what lies outside is the crop's edge, repeated, which
its error on APPA-REAL does not mind (docs/experiments.md). 192 pixels instead of its 224 are a
third quicker. A file that is there is left as it is. The network and its terms:
peers/faceres.toml.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from faceres_teacher import COMPONENTS, FROM, STRETCH, Seen
from live_teacher import Cut, components, some, to_onnx
from peers.faceres import FaceRes, FaceResRunner
from peers.open import weights_of
from peers.tensorflow_js import read_weights
from sklearn.decomposition import PCA
from torch import Tensor, nn

from facelage.data.align import CropSpec
from facelage.data.prepared import agreed_crop
from facelage.evaluate.baselines.spec import InputSpec
from facelage.files import write_bytes
from facelage.train.allocator import keep_freed_memory

SIZE = 192


class LiveFaceRes(nn.Module):
    """FaceRes for facelage's normalised crops."""

    def __init__(self, network: FaceRes, given: InputSpec, crop: CropSpec, pca: PCA) -> None:
        super().__init__()
        self.network = network
        # The cut is made in RGB, as facelage's crops are.
        self.cut = Cut(replace(given, size=SIZE, mean=given.mean[::-1]), crop)
        self.turn, self.shift = components(pca)
        self.years = torch.arange(1.0, 101.0).view(100, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.network.features(self.cut(images).flip(1))
        age = self.network.ages(seen) @ self.years
        return age + STRETCH * torch.relu(age - FROM), seen @ self.turn + self.shift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.out.is_file():
        print(f"{arguments.out} is there")
        return
    keep_freed_memory()
    spec, folder = weights_of("faceres", arguments.weights)
    runner = FaceResRunner(folder / spec.file)
    seen = [Seen(spec, runner, some(prepared)).vectors for prepared in arguments.prepared]
    pca = PCA(COMPONENTS, random_state=0).fit(np.concatenate(seen))
    print(f"{COMPONENTS} components hold {pca.explained_variance_ratio_.sum():.0%} of the variance")
    network = FaceRes(read_weights(folder / spec.file))
    [given] = spec.inputs
    teacher = LiveFaceRes(network, given, agreed_crop(arguments.prepared, None), pca).eval()
    write_bytes(arguments.out, to_onnx(teacher, ["teacher_faceres", "face_features"]))


if __name__ == "__main__":
    main()
