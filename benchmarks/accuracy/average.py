"""The mean of trained models' weights, as one model ("model soup", Wortsman et al., 2022).

    python benchmarks/accuracy/average.py OUT RUN RUN...

takes each run's last weights and writes a run's folder with the mean and the last
RUN's config.json. The runs must come from one another by further training: only then
lies a good model between them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facelage.files import write_text
from facelage.models import load_weights, save_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    files = [run / "last.safetensors" for run in arguments.runs]
    models, crops = zip(*map(load_weights, files), strict=True)
    if len({crop.digest() for crop in crops}) > 1:
        raise SystemExit("the models were trained on different crops")
    mean = models[0]
    states = [model.state_dict() for model in models]
    for name, value in states[0].items():
        if value.is_floating_point():
            value.copy_(sum(state[name] for state in states) / len(states))
    save_weights(mean, arguments.out / "best.safetensors", crops[0])
    write_text(arguments.out / "config.json", (arguments.runs[-1] / "config.json").read_text())


if __name__ == "__main__":
    main()
