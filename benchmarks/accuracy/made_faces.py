"""Draw photos of people who do not exist, for more faces than the training sets have.

    pip download --no-deps random_face==2021.7.21.1 && unzip random_face-*.whl -d random_face
    python benchmarks/accuracy/made_faces.py OUT --weights random_face [--count 8000]

writes OUT/00000.jpg and so on (320 x 320, RGB). A number's face is always the same, photos
that are there are not drawn again, and a greater count later adds to them. Two cores of an
Intel Xeon draw five a second. OUT/faces.csv lists these for `facelage prepare`, with STAND_IN
as everyone's age, since nobody has one: panel.py --label puts in what a panel of models says.

The generator is MobileStyleGAN (Belousov 2021, arXiv:2104.04767; code and weights Apache 2.0),
a small pupil of NVIDIA's StyleGAN2 for FFHQ. That network's licence is for non-commercial use,
FFHQ's is CC BY-NC-SA 4.0; the training sets' own terms ask for the same. It needs `openvino`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facelage.files import write_bytes, write_text

SIZE = 320
# The last wavelet's low band, before it doubles the picture to 1,024 pixels: half the time.
LOW_BAND, AMPLITUDE = "Slice_764/Split", 2.0
STAND_IN = 35
# Styles are drawn this far from the mean one, 1 being the generator's own; others were not tried.
TRUNCATION = 0.9
MEAN_OF = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True,
                        help="the unpacked wheel of random_face, or among others")  # fmt: skip
    parser.add_argument("--count", type=int, default=8000)
    arguments = parser.parse_args()
    wanted = range(arguments.count)
    numbers = [number for number in wanted if not photo(arguments.out, number).is_file()]
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(f"{arguments.count - len(numbers)} faces are there")
    if numbers:
        draw(find(arguments.weights), arguments.out, numbers)
    lines = ["path,age", *(f"{photo(arguments.out, each).name},{STAND_IN}" for each in wanted)]
    write_text(arguments.out / "faces.csv", "\n".join(lines) + "\n")


def photo(out: Path, number: int) -> Path:
    return out / f"{number:05d}.jpg"


def find(folders: list[Path]) -> Path:
    """The generator's first network; the second lies beside it."""
    for folder in folders:
        for found in folder.rglob("MappingNetwork.xml"):
            return found
    raise SystemExit("MappingNetwork.xml is in none of the folders: see the head of this file")


def draw(first: Path, out: Path, numbers: list[int]) -> None:
    """Draw the faces of these numbers, two at a time."""
    import openvino as ov
    from openvino.properties import hint

    core = ov.Core()
    options = {
        hint.inference_precision: "f32",  # bfloat16 was slower
        hint.performance_mode: hint.PerformanceMode.THROUGHPUT,
    }
    mapping = core.compile_model(str(first), "CPU")
    synthesis = core.read_model(first.with_name("SynthesisNetwork.xml"))
    [band] = [each for each in synthesis.get_ops() if each.get_friendly_name() == LOW_BAND]
    short = ov.Model([band.output(0)], synthesis.get_parameters(), "low_band")
    queue = ov.AsyncInferQueue(core.compile_model(short, "CPU", options), 2)

    def style(number: int) -> NDArray[np.float32]:
        noise = np.random.default_rng(number).standard_normal((1, 512)).astype(np.float32)
        return np.asarray(mapping([noise])[0])

    def keep(request: Any, number: int) -> None:
        write_bytes(photo(out, number), encode(request.get_output_tensor(0).data[0]))

    queue.set_callback(keep)
    mean = np.mean([style(-number % 2**32) for number in range(1, MEAN_OF + 1)], axis=0)
    for number in tqdm(numbers, desc="faces", unit="face"):
        queue.start_async([mean + TRUNCATION * (style(number) - mean)], number)
    queue.wait_all()


def encode(band: NDArray[np.float32]) -> bytes:
    """The low band (3 x 512 x 512, RGB, about -2 to 2) as a JPEG file."""
    image = np.clip((band.transpose(1, 2, 0) / AMPLITUDE + 1) * 127.5 + 0.5, 0, 255)
    small = cv2.resize(image.astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return data.tobytes()


if __name__ == "__main__":
    main()
