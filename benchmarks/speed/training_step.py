"""What data, augmentation and averaging add to a training step.

    python benchmarks/speed/training_step.py PREPARED [--size 96] [--rounds 5]

runs, interleaved on the same machine, the bare step (forward, backward and
optimiser on random tensors of the same shape) and the Trainer's own epoch over
real crops, in float32, in bfloat16, and in both with frozen norms, and prints the
medians and their ratios. PREPARED has the shipped weights' crop, as `facelage prepare`
cuts it unless told otherwise. Leave the machine's other cores idle.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import torch

from facelage.data.manifest import Manifest
from facelage.data.prepared import agreed_crop
from facelage.train import TrainConfig
from facelage.train.allocator import keep_freed_memory
from facelage.train.trainer import _Run

STEPS = 25
KINDS = ("float32", "bfloat16", "float32, frozen norms", "bfloat16, frozen norms")


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
    side = arguments.size
    images = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    ages = torch.rand(batch, 1) * 60
    jobs: dict[str, Callable[[int], object]] = {}
    for kind in KINDS:
        config = TrainConfig(
            weights="default",  # frozen norms want sensible statistics
            epochs=1000,
            lr=1e-4,
            batch_size=batch,
            sizes=(side,),
            augmentation="real",
            bfloat16=kind.startswith("bfloat16"),
            frozen_norms=kind.endswith("frozen norms"),
        )
        crop = agreed_crop([manifest.root], None)
        run = _Run(config, crop, train, val, Path(tempfile.mkdtemp()), progress=False)
        jobs[f"bare, {kind}"] = functools.partial(bare, run, images, ages)
        jobs[f"full, {kind}"] = run._train
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(arguments.rounds + 1):
        for name, work in jobs.items():
            start = time.perf_counter()
            work(number + 1)
            times[name].append((time.perf_counter() - start) / STEPS / batch * 1e3)
    times = {name: values[1:] for name, values in times.items()}  # the first steps allocate
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {side} px, batch {batch}")
    for name, values in times.items():
        print(f"{name}: {statistics.median(values):.2f} ms a face ({min(values):.2f} best)")
    pairs = [(f"full, {kind}", f"bare, {kind}") for kind in KINDS]
    pairs += [(f"full, {one}", f"full, {other}") for one, other in combinations(KINDS, 2)]
    for name, base in pairs:
        ratios = [own / other for own, other in zip(times[name], times[base], strict=True)]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(f"{name} over {base}: {statistics.median(ratios):.3f} ({spread})")


def bare(run: _Run, images: torch.Tensor, ages: torch.Tensor, _epoch: int) -> None:
    """The same steps without data, augmentation and averaging."""
    run.model.train()
    for _ in range(STEPS):
        run.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=run.config.bfloat16):
            predicted = run.model(images).ages
        run.loss(predicted.float(), ages).mean().backward()
        run.optimiser.step()


if __name__ == "__main__":
    main()
