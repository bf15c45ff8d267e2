"""Write what face-api.js's age network sees in the training faces into their manifests.

    python benchmarks/accuracy/age_features.py PREPARED... --weights FOLDER...

adds a column `age_features` to PREPARED/manifest.csv, for the rows of the training splits: the
first 32 principal components of the 512 numbers that the network's own age is a weighted sum of,
fitted on all folders' faces together, mean of a face and its mirror image. Folders that all have
it are left as they are; delete the column to have it written again. The network and its terms:
peers/face_api.toml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from peers.face_api import TinyXception
from peers.open import weights_of
from peers.tensorflow_js import read_weights
from sklearn.decomposition import PCA
from tqdm import tqdm

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.evaluate.baselines.cropping import PointsCrop
from facelage.evaluate.baselines.spec import InputSpec
from facelage.train.allocator import keep_freed_memory

COLUMN = "age_features"
COMPONENTS = 32
CHUNK = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    arguments = parser.parse_args()
    keep_freed_memory()
    spec, folder = weights_of("face_api", arguments.weights)
    manifests = [Manifest.load(prepared) for prepared in arguments.prepared]
    if all(COLUMN in manifest.frame for manifest in manifests):
        print(f"{COLUMN} is there")
        return
    network = TinyXception(read_weights(folder / spec.file)).eval()
    [given] = spec.inputs
    seen = [Features(network, given, manifest) for manifest in manifests]
    pca = PCA(COMPONENTS, random_state=0).fit(np.concatenate([each.vectors for each in seen]))
    print(f"{COMPONENTS} components hold {pca.explained_variance_ratio_.sum():.0%} of the variance")
    for prepared, manifest, each in zip(arguments.prepared, manifests, seen, strict=True):
        texts = np.full(len(manifest.frame), "", object)
        texts[each.rows] = [
            " ".join(f"{value:.3f}" for value in vector) for vector in pca.transform(each.vectors)
        ]
        manifest.frame[COLUMN] = texts
        manifest.save(prepared / "manifest.csv")


class Features:
    """The rows of a manifest's training split, and the network's features of their faces."""

    def __init__(self, network: TinyXception, given: InputSpec, manifest: Manifest) -> None:
        frame = manifest.frame
        ours = ((frame["status"] == "ok") & (frame["split"] == "train")).to_numpy()
        self.rows = np.flatnonzero(ours)
        store = CropStore(Manifest(frame.iloc[self.rows], manifest.root), memory_gb=0.0)
        size = agreed_crop([manifest.root], None).size
        parts = []
        for start in tqdm(range(0, len(self.rows), CHUNK), desc=f"{manifest.root.name} {COLUMN}"):
            part = np.arange(start, min(start + CHUNK, len(self.rows)))
            parts.append(features(network, given, store.batch(part), size))
        self.vectors = np.concatenate(parts)


@torch.inference_mode()
def features(
    network: TinyXception, given: InputSpec, padded: NDArray[np.uint8], size: int
) -> NDArray[np.float32]:
    """N x 512 of padded crops (N x P x P x 3, RGB, uint8) with a middle of `size` pixels."""
    assert isinstance(given.crop, PointsCrop)
    scale = given.size / (given.crop.side * size)
    middle = (padded.shape[1] - 1) / 2
    offset = [(given.crop.centre[axis] - 0.5) * size + middle for axis in (0, 1)]
    move = np.array(
        [[scale, 0, (given.size - 1) / 2 - scale * offset[0]],
         [0, scale, (given.size - 1) / 2 - scale * offset[1]]]
    )  # fmt: skip
    faces = np.stack(
        [
            cv2.warpAffine(crop, move, (given.size, given.size), borderMode=cv2.BORDER_REPLICATE)
            for crop in padded
        ]
    )
    images = (torch.from_numpy(faces).float() - torch.tensor(given.mean)) * given.scale
    images = images.permute(0, 3, 1, 2)
    both = network.features(torch.cat([images, images.flip(3)]))
    return np.asarray((both[: len(padded)] + both[len(padded) :]).numpy() / 2, np.float32)


if __name__ == "__main__":
    main()
