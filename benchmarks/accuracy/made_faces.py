"""Draw photos of people who do not exist, for more faces than the training sets have.

    pip download --no-deps random_face==2021.7.21.1 && unzip random_face-*.whl -d random_face
    python benchmarks/accuracy/made_faces.py OUT --weights random_face [--count 8000]
        [--first 0] [--truncation 0.9]

writes OUT/00000.jpg and so on (320 x 320, RGB). At the same truncation a number is always the same
person, and the same picture but for a grey level or two from processor to processor. Photos that
are there are not drawn again, and a greater count later adds to them. Two cores of an Intel Xeon
with AMX draw 13 a second. OUT/faces.csv lists the asked numbers for `facelage prepare`, with
STAND_IN as everyone's age, since nobody has one: panel.py --label puts in what a panel of models
says.

Styles are drawn as far from the mean one as the truncation says, 1 being the generator's own.
Further out, people, light, poses and hats differ more; at 1.4 several pictures of those looked at
were no faces any more.

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
from made_generator import FIRST, generator
from numpy.typing import NDArray
from tqdm import tqdm

from facelage.files import write_bytes, write_text

SIZE = 320
AMPLITUDE = 2.0
STAND_IN = 35
MEAN_OF = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", action="append", type=Path, required=True,
                        help="the unpacked wheel of random_face, or among others")  # fmt: skip
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--first", type=int, default=0, help="the first face's number")
    parser.add_argument("--truncation", type=float, default=0.9)
    arguments = parser.parse_args()
    wanted = range(arguments.first, arguments.first + arguments.count)
    numbers = [number for number in wanted if not photo(arguments.out, number).is_file()]
    arguments.out.mkdir(parents=True, exist_ok=True)
    note = arguments.out / "truncation.txt"
    before = float(note.read_text()) if note.is_file() else arguments.truncation
    if before != arguments.truncation:
        raise SystemExit(f"{arguments.out} has faces of truncation {before}: choose another folder")
    write_text(note, f"{arguments.truncation}\n")
    print(f"{arguments.count - len(numbers)} faces are there")
    if numbers:
        draw(find(arguments.weights), arguments.out, numbers, arguments.truncation)
    lines = ["path,age", *(f"{photo(arguments.out, each).name},{STAND_IN}" for each in wanted)]
    write_text(arguments.out / "faces.csv", "\n".join(lines) + "\n")


def photo(out: Path, number: int) -> Path:
    return out / f"{number:05d}.jpg"


def find(folders: list[Path]) -> Path:
    """The folder of the generator's two networks."""
    for folder in folders:
        for found in folder.rglob(FIRST):
            return found.parent
    raise SystemExit(f"{FIRST} is in none of the folders: see the head of this file")


def draw(folder: Path, out: Path, numbers: list[int], truncation: float) -> None:
    """Draw the faces of these numbers, two at a time."""
    import openvino as ov

    mapping, synthesis = generator(folder)
    queue = ov.AsyncInferQueue(synthesis, 2)

    def style(number: int) -> NDArray[np.float32]:
        noise = np.random.default_rng(number).standard_normal((1, 512)).astype(np.float32)
        return np.asarray(mapping([noise])[0])

    def keep(request: Any, number: int) -> None:
        write_bytes(photo(out, number), encode(request.get_output_tensor(0).data[0]))

    queue.set_callback(keep)
    mean = np.mean([style(-number % 2**32) for number in range(1, MEAN_OF + 1)], axis=0)
    for number in tqdm(numbers, desc="faces", unit="face"):
        queue.start_async([mean + truncation * (style(number) - mean)], number)
    queue.wait_all()


def encode(picture: NDArray[np.float32]) -> bytes:
    """The picture (3 x 512 x 512, RGB, about -2 to 2) as a JPEG file."""
    image = np.clip((picture.transpose(1, 2, 0) / AMPLITUDE + 1) * 127.5 + 0.5, 0, 255)
    small = cv2.resize(image.astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return data.tobytes()


if __name__ == "__main__":
    main()
