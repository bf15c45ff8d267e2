"""Frames per second of live video, and how much an age trembles with and without smoothing.

    python benchmarks/speed/video_fps.py PHOTO [--frames 150] [--threads 1] [--detect-every 1]
                                               [--smoothing 10] [--seed 0] [--save clip.mp4]

makes a clip of 640 x 480 pixels from a portrait, as if the camera panned, zoomed and
turned a little, with noise, JPEG damage and a few frames of motion blur; then follows
the face and prints

- frames per second: of all but decoding the file and drawing, the first ten frames apart;
- the standard deviation of the age over the clip, in years, of the raw ages and of the
  smoothed ones, and of the smoothed ones after the first second;
- the mean step of either age from one frame to the next.

Several photos give a line each, and a line of means. ``--threads`` is for ONNX Runtime
and OpenCV. Leave the machine's other cores idle for the time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from facelage.data.images import UInt8Image, load_image
from facelage.infer import AgePredictor, predict_video
from facelage.infer.video import save_video

WIDTH, HEIGHT, FPS = 640, 480, 30.0
WARM_UP = 10  # the first frames create sessions and buffers


def make_clip(photo: UInt8Image, frames: int = 150, seed: int = 0) -> Iterator[UInt8Image]:
    """Frames (480 x 640 x 3, RGB, uint8) of a camera that moves over a portrait."""
    rng = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    phase = rng.uniform(0, 2 * np.pi, 4)
    blurred = set(rng.choice(frames, frames // 15, replace=False).tolist())
    for number in range(frames):
        turn = 2 * np.pi * number / 150
        # The zoom is 1 where the picture is as high as the frame.
        scale = HEIGHT / height * (1.15 + 0.35 * np.sin(turn + phase[0]))
        centre_x = width * (0.5 + 0.12 * np.sin(1.3 * turn + phase[1]))
        centre_y = height * (0.48 + 0.05 * np.sin(0.7 * turn + phase[2]))
        roll = np.degrees(0.08 * np.sin(0.9 * turn + phase[3]))
        warp = cv2.getRotationMatrix2D((centre_x, centre_y), roll, scale)
        warp[:, 2] += (WIDTH / 2 - centre_x, HEIGHT / 2 - centre_y)
        # A finer grid, averaged: a lens does not alias.
        fine = cv2.warpAffine(
            photo, 2 * warp, (2 * WIDTH, 2 * HEIGHT), borderMode=cv2.BORDER_REPLICATE
        )
        frame = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        if number in blurred:
            kernel = np.zeros((15, 15), np.float32)
            kernel[7] = 1 / 15
            spin = cv2.getRotationMatrix2D((7, 7), rng.uniform(0, 180), 1)
            kernel = cv2.warpAffine(kernel, spin, (15, 15))
            frame = cv2.filter2D(frame, -1, kernel / kernel.sum())
        noisy = np.clip(frame + rng.normal(0, 5, frame.shape), 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 90))]
        _, packed = cv2.imencode(".jpg", cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR), quality)
        yield load_image(packed.tobytes())


def measure(clip: list[UInt8Image], predictor: AgePredictor, **settings: float) -> dict[str, float]:
    """Frames per second, and how the ages of the clip's longest track vary, in years."""
    start, raw, smooth = 0.0, [], []
    for frame in predict_video(clip, predictor, fps=FPS, **settings):  # type: ignore[arg-type]
        if frame.index == WARM_UP - 1:
            start = time.perf_counter()
        if frame.faces:
            smooth.append(frame.faces[0].age)
            if frame.faces[0].raw_age is not None:
                raw.append(frame.faces[0].raw_age)
    seconds = time.perf_counter() - start
    settled = smooth[round(FPS) :]
    return {
        "fps": (len(clip) - WARM_UP) / seconds,
        "found": len(smooth) / len(clip),
        "std raw": float(np.std(raw)),
        "std smooth": float(np.std(smooth)),
        "settled": float(np.std(settled)),
        "step raw": float(np.abs(np.diff(raw)).mean()),
        "step smooth": float(np.abs(np.diff(smooth)).mean()),
        "last age": smooth[-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path, help="portraits of one person each")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime and OpenCV")
    parser.add_argument("--detect-every", type=int, default=1)
    parser.add_argument("--smoothing", type=float, default=10.0, help="seconds")
    parser.add_argument("--model", help="name of the weights, or an .onnx file")
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="also write the last clip, a video file")
    arguments = parser.parse_args()
    if arguments.frames < 2 * FPS:
        parser.error(f"--frames must be {2 * FPS:.0f} or more")
    cv2.setNumThreads(arguments.threads)
    predictor = AgePredictor.from_pretrained(
        arguments.model, detector=arguments.detector, threads=arguments.threads
    )
    rows: list[dict[str, float]] = []
    for photo in arguments.photos:
        clip = list(make_clip(load_image(photo), arguments.frames, arguments.seed))
        row = measure(
            clip, predictor, detect_every=arguments.detect_every, smoothing=arguments.smoothing
        )
        if not rows:
            print(f"{'photo':<16}" + "".join(f"{name:>12}" for name in row))
        rows.append(row)
        print(f"{photo.name:<16}" + "".join(f"{value:12.3f}" for value in row.values()))
    if len(rows) > 1:
        means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
        print(f"{'mean':<16}" + "".join(f"{value:12.3f}" for value in means.values()))
    if arguments.save:
        save_video(arguments.save, clip, fps=FPS)


if __name__ == "__main__":
    main()
