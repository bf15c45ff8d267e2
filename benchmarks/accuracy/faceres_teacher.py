"""Write what FaceRes sees in the training faces into their manifests.

    python benchmarks/accuracy/faceres_teacher.py PREPARED... --weights FOLDER...

adds to every PREPARED/manifest.csv

- `teacher_faceres`: years, for the training and the validation split. FaceRes learned from
  film stars, of whom few are old, and calls the old too young, so that answers above 30 years
  are moved a quarter further from it;
- `face_features`: for the training split, the first 64 principal components of the 1,024
  numbers that it tells identities, gender and age by, fitted on the training faces of all.

It sees each face as it is and mirrored, in the whole of the padded crop, and both are
averaged. Columns that are there are left as they are. The network and its terms:
peers/faceres.toml. No face of a test split or of appa_real_dev is shown to it here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from peers.faceres import FaceResRunner
from peers.open import weights_of
from sklearn.decomposition import PCA
from tqdm import tqdm

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.evaluate.baselines import PeerSpec

TEACHER, FEATURES = "teacher_faceres", "face_features"
COMPONENTS = 64
FROM, STRETCH = 30.0, 0.25
CHUNK = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", nargs="+", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    arguments = parser.parse_args()
    spec, folder = weights_of("faceres", arguments.weights)
    manifests = [Manifest.load(prepared) for prepared in arguments.prepared]
    if all({TEACHER, FEATURES} <= set(manifest.frame) for manifest in manifests):
        print(f"{TEACHER} and {FEATURES} are there")
        return
    runner = FaceResRunner(folder / spec.file)
    seen = [Seen(spec, runner, manifest) for manifest in manifests]
    pca = PCA(COMPONENTS, random_state=0).fit(np.concatenate([each.training for each in seen]))
    print(f"{COMPONENTS} components hold {pca.explained_variance_ratio_.sum():.0%} of the variance")
    for prepared, manifest, each in zip(arguments.prepared, manifests, seen, strict=True):
        each.write(pca)
        manifest.save(prepared / "manifest.csv")
        error = each.years - manifest.ages()[each.rows]
        print(
            f"{prepared}: {TEACHER}, n {len(error)}, MAE {np.abs(error).mean():.2f}, "
            f"bias {error.mean():+.2f}"
        )


class Seen:
    """The training and validation rows of a manifest, and what the network says of them."""

    def __init__(self, spec: PeerSpec, runner: FaceResRunner, manifest: Manifest) -> None:
        self.frame = frame = manifest.frame
        ours = (frame["status"] == "ok") & frame["split"].isin(["train", "val"])
        self.rows = np.flatnonzero(ours.to_numpy())
        self.learned = frame["split"].iloc[self.rows].to_numpy() == "train"
        store = CropStore(Manifest(frame.iloc[self.rows], manifest.root), memory_gb=0.0)
        years, vectors = [], []
        for start in tqdm(range(0, len(self.rows), CHUNK), desc=f"{manifest.root.name} {TEACHER}"):
            part = np.arange(start, min(start + CHUNK, len(self.rows)))
            said, features = two_views(spec, runner, store.batch(part))
            years.append(said)
            vectors.append(features)
        self.years = stretched(np.concatenate(years))
        self.vectors = np.concatenate(vectors)

    @property
    def training(self) -> NDArray[np.float32]:
        return self.vectors[self.learned]

    def write(self, pca: PCA) -> None:
        """Add the columns to the manifest's frame."""
        answers = np.full(len(self.frame), "", object)
        answers[self.rows] = [f"{age:.2f}" for age in self.years]
        texts = np.full(len(self.frame), "", object)
        texts[self.rows[self.learned]] = [
            " ".join(f"{value:.3f}" for value in vector) for vector in pca.transform(self.training)
        ]
        self.frame[TEACHER], self.frame[FEATURES] = answers, texts


def two_views(
    spec: PeerSpec, runner: FaceResRunner, padded: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Years (N) and features (N x 1024) of padded crops (N x P x P x 3, RGB, uint8)."""
    [given] = spec.inputs
    faces = np.stack([cv2.resize(crop, (given.size, given.size)) for crop in padded])
    years: list[NDArray[np.float64]] = []
    vectors: list[NDArray[np.float32]] = []
    for view in (faces, faces[:, :, ::-1]):
        said = runner.run({given.name: given.prepare(view)})
        years.append(spec.output.years(said[spec.output.name]))
        vectors.append(said["features"])
    return np.mean(years, axis=0), np.mean(vectors, axis=0)


def stretched(years: NDArray[np.float64]) -> NDArray[np.float64]:
    return years + STRETCH * np.maximum(years - FROM, 0)


if __name__ == "__main__":
    main()
