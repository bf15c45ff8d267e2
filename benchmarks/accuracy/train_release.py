"""The whole recipe of the shipped weights, from raw photos to an exported model.

    python benchmarks/accuracy/train_release.py SHARED OUT --weights FOLDER... [--seed 1]

prepares UTKFace, All-Age-Faces and LFW of SHARED/data, asks the teachers (see
teachers.py, embeddings.py and age_features.py; --weights are the folders of theirs),
trains with each of the recipe's settings in turn (--recipe, by default release.json),
first from ImageNet weights, then from where the last one ended, and exports the last as
OUT/model.onnx, calibrated on the validation faces of all three. After a training with
`"mean": true` the recipe goes on from the mean of its weights and those of the training
before it (OUT/mean_SEED_N); after one with `"narrow": 16` from its best epoch, narrowed
to so many first channels (OUT/narrow_SEED_N). Each step goes on where it was when the
command is started again; OUT/times.json adds up the wall time of each over all starts.
--start MODEL (a name, a .safetensors file or a run) stands in for all trainings but the
last. release_weights.py then measures and ships the run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
FACELAGE = [sys.executable, "-m", "facelage"]
#: Folder and options of `facelage prepare`, by data set.
SOURCES = {
    "utkface": ("utkface", ["--val", "0.08", "--test", "0.12"]),
    "aaf": ("aaf.csv", ["--val", "0.08", "--test", "0.12"]),
    "lfw": ("lfw.csv", ["--val", "0.08", "--test", "0.2", "--group-column", "subject"]),
}

#: What writes a column of embeddings.
EMBEDDINGS = {"embedding": "embeddings.py", "age_features": "age_features.py"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    parser.add_argument("--start", help="trained weights in place of the first training")
    parser.add_argument("--recipe", type=Path, default=HERE / "release.json")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    stages = json.loads(arguments.recipe.read_text(encoding="utf-8"))
    if arguments.start and len(stages) == 1:
        parser.error("--start stands in for the first training, and this recipe has no other")
    out: Path = arguments.out
    prepared = [out / "prepared" / name for name in SOURCES]
    backbone = arguments.shared / "models" / "mobilenet_v2_imagenet_features.safetensors"
    for name, (source, options) in SOURCES.items():
        folder = out / "prepared" / name
        step(out, f"prepare {name}", [*FACELAGE, "prepare", arguments.shared / "data" / source,
                                      folder, *options])  # fmt: skip
    folders = [part for folder in arguments.weights for part in ("--weights", folder)]
    step(out, "teachers", [sys.executable, HERE / "teachers.py", *prepared, *folders])
    columns = {column for settings in stages for column in settings.get("embeddings", ())}
    for column, script in EMBEDDINGS.items():
        if column in columns:
            step(out, column, [sys.executable, HERE / script, *prepared, *folders])
    start = ["--weights", arguments.start] if arguments.start else ["--backbone", backbone]
    first = len(stages) if arguments.start else 1
    runs: list[Path] = []
    for number, settings in enumerate(stages[first - 1 :], start=first):
        mean, narrow = settings.pop("mean", False), settings.pop("narrow", None)
        runs.append(run := out / f"run_{arguments.seed}_{number}")
        config = out / f"stage_{number}.json"
        config.write_text(json.dumps(settings), encoding="utf-8")
        step(out, f"train {run.name}", [*FACELAGE, "train", *prepared, "--run", run, *start,
                                        "--config", config,
                                        "--seed", arguments.seed])  # fmt: skip
        trained, start = run, ["--weights", run / "last.safetensors"]
        if mean:
            trained = out / f"mean_{arguments.seed}_{number}"
            step(out, trained.name, [sys.executable, HERE / "average.py", trained, *runs[-2:]])
            start = ["--weights", trained]
        if narrow:
            trained = out / f"narrow_{arguments.seed}_{number}"
            step(out, trained.name, [sys.executable, HERE / "narrow.py", run, trained, *prepared,
                                     "--keep", narrow])  # fmt: skip
            start = ["--weights", trained]
    calibrate = [text for folder in prepared for text in ("--calibrate", folder)]
    step(out, "export", [*FACELAGE, "export", trained, out / "model.onnx",
                         "--check", prepared[0], *calibrate])  # fmt: skip


def step(out: Path, name: str, command: list[object]) -> None:
    """Run one step and add its wall time to OUT/times.json."""
    start = time.monotonic()
    try:
        subprocess.run([str(part) for part in command], check=True)
    finally:
        file = out / "times.json"
        times = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        times[name] = round(times.get(name, 0.0) + time.monotonic() - start, 1)
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(times, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {times[name]:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
