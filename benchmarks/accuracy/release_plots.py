"""The pictures of the model card, in docs/_static/plots.

    python benchmarks/accuracy/release_plots.py RUN NAME PREPARED [--peers FOLDER]

draws the weights NAME on UTKFace's test split of PREPARED (folders utkface, aaf and
lfw), and the ages of the training faces before and after the balancing and age weights
of RUN's config.json. FOLDER holds the predictions of compare_peers.py; the best peer that
has all faces is drawn beside the weights. release_weights.py does the same.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from peers.open import peer_specs
from PIL import Image  # which matplotlib brings along

from facelage.data.balance import balance_weights
from facelage.data.manifest import Manifest
from facelage.evaluate import Evaluation, evaluate, plots
from facelage.evaluate.predictions import PredictionsTable
from facelage.files import write_bytes
from facelage.infer.session import AgeSession
from facelage.models.weights import get_weights
from facelage.train.config import TrainConfig
from facelage.train.inputs import age_weights

FOLDER = Path(__file__).parents[2] / "docs" / "_static" / "plots"
SETS = ("utkface", "aaf", "lfw")
DPI = 150
LARGEST = 120_000  # bytes: they are kept in the repository


def write_plots(
    ours: Evaluation,
    test: Manifest,
    prepared: Path,
    run: Path,
    *,
    peers: Path | None = None,
    folder: Path = FOLDER,
) -> list[Path]:
    """Draw the four pictures.

    Parameters
    ----------
    ours:
        The weights on `test`.
    prepared:
        The folder of prepared folders that `run` was trained on.
    run:
        The training run, for its config.json.
    peers:
        What compare_peers.py wrote to its --out.
    """
    ages = np.concatenate([Manifest.load(prepared / n).usable("train").ages() for n in SETS])
    config = TrainConfig.load(run / "config.json")
    rival = best_peer(peers, test, ours.data) if peers is not None else None
    figures = {
        "cs5_by_age": plots.cs_by_age([ours, rival] if rival else [ours]),
        "predicted_against_true": plots.predicted_against_true(ours),
        "error_by_age": plots.error_by_age(ours),
        "training_ages": plots.age_histogram(
            ages,
            balance_weights(ages, config.balance, limit=config.balance_limit)
            * age_weights(ages, config.age_weights),
            data=f"{', '.join(SETS)}, training splits, {balancing(config)}",
        ),
    }
    paths = []
    for name, figure in figures.items():
        data = small(plots.png(figure, dpi=DPI))
        if len(data) > LARGEST:
            raise SystemExit(f"{name}.png has {len(data):,} bytes, more than {LARGEST:,}")
        paths.append(folder / f"{name}.png")
        write_bytes(paths[-1], data)
    return paths


def balancing(config: TrainConfig) -> str:
    """What a training does about skewed ages, in few words."""
    words = []
    if config.balance:
        words.append(f"balance {config.balance:g}, limit {config.balance_limit:g}")
    if config.age_weights:
        words.append("age weights")
    return ", ".join(words) or "as they are"


def small(png: bytes) -> bytes:
    """The same picture in 256 colours."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            buffer, "png", optimize=True, dpi=(DPI, DPI)
        )
    return buffer.getvalue()


def best_peer(folder: Path, test: Manifest, data: str) -> Evaluation | None:
    """The peer with the lowest MAE among those that tried every face of `test`."""
    found = []
    for spec in peer_specs():
        file = folder / "utkface" / f"{spec.name}.csv"
        if not file.is_file():
            continue
        result = evaluate(PredictionsTable.load(file), test, data=data, rounds=1)
        if "no_prediction" not in result.figures["failures"]:
            found.append(replace(result, model=spec.about["title"]))
    return min(found, key=lambda each: each.figures["summary"]["mae"], default=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--peers", type=Path, help="what compare_peers.py wrote to --out")
    arguments = parser.parse_args()
    test = Manifest.load(arguments.prepared / "utkface").usable("test")
    session = AgeSession(get_weights(arguments.name).path("onnx"))
    ours = evaluate(session, test, data="utkface, test split", rounds=1)
    for path in write_plots(ours, test, arguments.prepared, arguments.run, peers=arguments.peers):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
