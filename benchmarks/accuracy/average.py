"""The mean of trained models' weights, as one model ("model soup", Wortsman et al., 2022).

    python benchmarks/accuracy/average.py OUT MODEL MODEL... [--kept]

takes each MODEL's weights, a .safetensors file or a run (its last weights; with --kept those
with the lowest validation loss), and writes a run's folder with the mean and the last run's
config.json. The models must come from one another, or from the same model, by further
training: only then lies a good model between them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facelage.data.align import CropSpec
from facelage.files import write_text
from facelage.models import load_weights, save_weights
from facelage.models.mobilenet import AgeMobileNetV2


def load_alike(files: list[Path]) -> tuple[list[AgeMobileNetV2], CropSpec]:
    """Several models and the one crop that all of them take."""
    models, crops = zip(*map(load_weights, files), strict=True)
    if len({crop.digest() for crop in crops}) > 1:
        raise SystemExit("the models were trained on different crops")
    return list(models), crops[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--kept", action="store_true")
    arguments = parser.parse_args()
    name = "best.safetensors" if arguments.kept else "last.safetensors"
    runs = [path for path in arguments.models if path.is_dir()]
    files = [path / name if path in runs else path for path in arguments.models]
    models, crop = load_alike(files)
    mean = models[0]
    states = [model.state_dict() for model in models]
    for key, value in states[0].items():
        if value.is_floating_point():
            value.copy_(sum(state[key] for state in states) / len(states))
    for name in ("best.safetensors", "last.safetensors"):
        save_weights(mean, arguments.out / name, crop)
    for run in runs[-1:]:
        write_text(arguments.out / "config.json", (run / "config.json").read_text())


if __name__ == "__main__":
    main()
