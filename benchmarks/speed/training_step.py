"""What data, augmentation and averaging add to a training step.

    python benchmarks/speed/training_step.py PREPARED [--size 96] [--rounds 5]

runs, interleaved on the same model and machine, the bare step (forward,
backward and optimiser on random tensors of the same shape) and the Trainer's
own epoch over real crops, and prints the medians and their ratio. Leave the
machine's other cores idle.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from pathlib import Path

import torch

from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.train import TrainConfig
from facelage.train.allocator import keep_freed_memory
from facelage.train.trainer import _Run

STEPS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    keep_freed_memory()
    manifest, batch = Manifest.load(arguments.prepared), arguments.batch_size
    train, val = manifest.usable("train"), manifest.usable("val")
    train.frame, val.frame = train.frame.head(STEPS * batch), val.frame.head(batch)
    config = TrainConfig(
        epochs=1000, batch_size=batch, sizes=(arguments.size,), augmentation="real"
    )
    crop = agreed_crop([manifest.root], None)
    run = _Run(config, crop, train, val, Path(tempfile.mkdtemp()), progress=False)
    side = arguments.size
    images = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    ages = torch.rand(batch, 1) * 60

    def bare() -> None:
        run.model.train()
        for _ in range(STEPS):
            run.optimiser.zero_grad(set_to_none=True)
            predicted, _ = run.model(images)
            run.loss(predicted, ages).mean().backward()
            run.optimiser.step()

    bare()  # the first steps allocate
    times: dict[str, list[float]] = {"bare": [], "full": []}
    for number in range(arguments.rounds):
        for name, work in (("bare", bare), ("full", functools.partial(run._train, number + 1))):
            start = time.perf_counter()
            work()
            times[name].append((time.perf_counter() - start) / STEPS / batch * 1e3)
    ratios = [full / plain for full, plain in zip(times["full"], times["bare"], strict=True)]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {side} px, batch {batch}")
    for name, values in times.items():
        print(f"{name}: {statistics.median(values):.2f} ms a face ({min(values):.2f} best)")
    print(f"ratio: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
