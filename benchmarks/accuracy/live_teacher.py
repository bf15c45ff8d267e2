"""Write face-api.js's age network as a teacher that Trainer asks about every training crop.

    python benchmarks/accuracy/live_teacher.py PREPARED... --weights FOLDER... --out FILE

writes an ONNX file for the setting `live`: normalised crops of any size in, and out

- `teacher_face_api`: years, N x 1;
- `age_features`: the first 32 principal components (standard deviation 1) of the 512 numbers that
  its age is a weighted sum of, N x 32, fitted on every fourth training face of all folders.

A file that is there is left as it is. The network and its terms: peers/face_api.toml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from age_features import COMPONENTS, Features
from peers.face_api import TinyXception
from peers.open import weights_of
from peers.tensorflow_js import read_weights
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional

from facelage.data.align import CropSpec
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.evaluate.baselines.cropping import PointsCrop
from facelage.evaluate.baselines.spec import InputSpec
from facelage.files import write_bytes
from facelage.train.allocator import keep_freed_memory

EVERY = 4


class Cut(nn.Module):
    """The part of facelage's normalised crops that a network wants, as it wants it."""

    def __init__(self, given: InputSpec, crop: CropSpec) -> None:
        super().__init__()
        assert isinstance(given.crop, PointsCrop)
        mean, std = torch.tensor(crop.mean), torch.tensor(crop.std)
        self.scale = (std * 255 * given.scale).view(1, 3, 1, 1)
        self.offset = ((mean * 255 - torch.tensor(given.mean)) * given.scale).view(1, 3, 1, 1)
        line = ((torch.arange(given.size) + 0.5) / given.size - 0.5) * given.crop.side
        x, y = (2 * (line + middle) - 1 for middle in given.crop.centre)
        self.grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]

    def forward(self, images: Tensor) -> Tensor:
        grid = self.grid.expand(images.shape[0], -1, -1, -1)
        part = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return part * self.scale + self.offset


class LiveFaceApi(nn.Module):
    """TinyXception for facelage's normalised crops."""

    def __init__(self, network: TinyXception, given: InputSpec, crop: CropSpec, pca: PCA) -> None:
        super().__init__()
        self.network = network
        self.cut = Cut(given, crop)
        self.turn, self.shift = components(pca)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.network.features(self.cut(images))
        return self.network.age(seen), seen @ self.turn + self.shift


def components(pca: PCA) -> tuple[Tensor, Tensor]:
    """Factor and offset that turn features into components of standard deviation 1."""
    spread = np.sqrt(pca.explained_variance_)
    turn = torch.from_numpy((pca.components_ / spread[:, None]).T.astype(np.float32))
    return turn, -torch.from_numpy(pca.mean_.astype(np.float32)) @ turn


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
    spec, folder = weights_of("face_api", arguments.weights)
    network = TinyXception(read_weights(folder / spec.file)).eval()
    [given] = spec.inputs
    vectors = [Features(network, given, some(prepared)).vectors for prepared in arguments.prepared]
    pca = PCA(COMPONENTS, random_state=0).fit(np.concatenate(vectors))
    print(f"{COMPONENTS} components hold {pca.explained_variance_ratio_.sum():.0%} of the variance")
    teacher = LiveFaceApi(network, given, agreed_crop(arguments.prepared, None), pca).eval()
    write_bytes(arguments.out, to_onnx(teacher, ["teacher_face_api", "age_features"]))


def some(prepared: Path) -> Manifest:
    manifest = Manifest.load(prepared).usable("train")
    return Manifest(manifest.frame.iloc[::EVERY], manifest.root)


def to_onnx(teacher: nn.Module, outputs: list[str]) -> bytes:
    """A live teacher for normalised crops, N x 3 x S x S, as the bytes of an ONNX file."""
    free = {
        0: torch.export.Dim("batch"),
        2: torch.export.Dim("height"),
        3: torch.export.Dim("width"),
    }
    program = torch.onnx.export(
        teacher,
        (torch.zeros(2, 3, 128, 120),),
        input_names=["images"],
        output_names=outputs,
        dynamic_shapes={"images": free},
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


if __name__ == "__main__":
    main()
