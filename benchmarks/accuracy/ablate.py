"""What each part of the recipe is worth: short trainings that differ in one thing.

    python benchmarks/accuracy/ablate.py PREPARED APPA RUNS --backbone FILE [--row NAME...]

trains the rows of ablations/rows.toml on the folders of PREPARED (utkface, aaf and
lfw with their teachers' columns, see train_release.py), measures each on the
validation splits and on APPA (appa_real_dev after `facelage prepare`), adds its
figures to ablations/results.json, and writes docs/ablations.md. Rows that have
figures are left as they are; an interrupted training goes on. No test split is
looked at. --start MODEL is what the row that goes on from trained weights starts from.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelage.data.crops import CropStore
from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.files import write_text
from facelage.metrics import bias, bootstrap_interval, by_band, cs, macro_mae, mae
from facelage.models import load_weights
from facelage.train import TrainConfig, Trainer
from facelage.train.allocator import keep_freed_memory
from facelage.train.augment import augment_batch
from facelage.train.batches import to_input

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

HERE = Path(__file__).parent / "ablations"
RESULTS = HERE / "results.json"
PAGE = Path(__file__).parents[2] / "docs" / "ablations.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("appa", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--start", default="default")
    parser.add_argument("--row", action="append")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    keep_freed_memory()
    rows = tomllib.loads((HERE / "rows.toml").read_text(encoding="utf-8"))["rows"]
    for name in arguments.row or rows:
        results = read_results()
        if name in results:
            continue
        settings = resolve(rows, name)
        del settings["text"]
        folders = [arguments.prepared / source for source in settings.pop("data")]
        if "weights" in settings:
            settings["weights"] = arguments.start
        else:
            settings["backbone"] = arguments.backbone
        config = TrainConfig(**settings, seed=arguments.seed)
        run = arguments.runs / name
        start = time.monotonic()
        Trainer(config).fit([Manifest.load(folder) for folder in folders], run)
        figures = measure(run, config, arguments.prepared, arguments.appa)
        figures |= {"seed": arguments.seed, "minutes": (time.monotonic() - start) / 60}
        results[name] = figures
        write_text(RESULTS, json.dumps(results, indent=1, sort_keys=True) + "\n")
        write_text(PAGE, page(rows, results))
        print(name, json.dumps(figures), flush=True)


def read_results() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}


def resolve(rows: dict[str, Any], name: str) -> dict[str, Any]:
    """A row's settings with those of the rows that it starts from."""
    row = dict(rows[name])
    parent = row.pop("from", None)
    return (resolve(rows, parent) if parent else {}) | row


def measure(run: Path, config: TrainConfig, prepared: Path, appa: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    size = config.sizes[-1]
    for name, folder, split in (
        ("utkface", prepared / "utkface", "val"),
        ("aaf", prepared / "aaf", "val"),
        ("lfw", prepared / "lfw", "val"),
        ("appa", appa, None),
    ):
        manifest = Manifest.load(folder)
        faces = manifest.usable(split) if split else manifest.usable()
        ages, guess = faces.ages(), ages_at(run / "last.safetensors", faces, size)
        figures[name] = {"n": len(ages), "mae": mae(ages, guess), "bias": bias(ages, guess)}
        if name == "utkface":
            figures[name] |= {
                "cs5": cs(ages, guess, 5),
                "balanced_mae": macro_mae(ages, guess),
                "decades": {d: row["mae"] for d, row in by_band(ages, guess).items()},
                "interval": list(bootstrap_interval(mae, ages, guess)),
            }
    return figures


def ages_at(weights: Path, faces: Manifest, size: int) -> NDArray[np.float64]:
    """Ages of canonical crops at the training's size."""
    import torch

    model, crop = load_weights(weights)
    agreed_crop([faces.root], crop)
    store = CropStore(faces, memory_gb=0.0)
    ages = []
    for start in range(0, len(store), 128):
        rows = np.arange(start, min(start + 128, len(store)))
        small = augment_batch(store.batch(rows), size, "none", [(0,)] * len(rows), size / crop.size)
        with torch.inference_mode():
            ages.append(model(to_input(small, crop)).double().numpy())
    return np.concatenate(ages)


def page(rows: dict[str, Any], results: dict[str, Any]) -> str:
    lines = [
        "<!-- written by benchmarks/accuracy/ablate.py -->",
        "",
        "| row | starts from | what changes | UTKFace MAE | balanced | CS@5 | bias | "
        "All-Age-Faces | LFW | APPA-REAL MAE | bias | min |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        if name not in results:
            continue
        figures = results[name]
        utk, low_high = figures["utkface"], figures["utkface"]["interval"]
        cells = [
            name,
            row.get("from", ""),
            row["text"],
            f"{utk['mae']:.2f} ({low_high[0]:.2f} to {low_high[1]:.2f})",
            f"{utk['balanced_mae']:.2f}",
            f"{utk['cs5']:.1%}",
            f"{utk['bias']:+.1f}",
            f"{figures['aaf']['mae']:.2f}",
            f"{figures['lfw']['mae']:.2f}",
            f"{figures['appa']['mae']:.2f}",
            f"{figures['appa']['bias']:+.1f}",
            f"{figures['minutes']:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "MAE on UTKFace's validation split by decade of age:", ""]
    names = list(next(iter(results.values()))["utkface"]["decades"])
    lines += ["| row | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name in rows:
        if name in results:
            decades = results[name]["utkface"]["decades"].values()
            each = " | ".join(f"{value:.1f}" for value in decades)
            lines.append(f"| {name} | {each} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
