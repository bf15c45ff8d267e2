from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from facelage.infer.video import save_video
from video.clips import squares


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 frames of 320 x 240 at 20 fps: a square of "age" 50 moves right by 4 pixels a frame."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    save_video(path, [squares((80 + 4 * n, 120, 60, 50)) for n in range(30)], fps=20)
    return path


@pytest.fixture(scope="session")
def sideways(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phone's file: 320 x 240, dark on the left and bright on the right, to be turned by 90."""
    path = tmp_path_factory.mktemp("phone") / "phone.mp4"
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:, 160:] = 200
    save_video(path, [picture] * 5, fps=20)
    data = bytearray(path.read_bytes())
    # The track header's matrix (ISO/IEC 14496-12, 8.3.2): the identity becomes a quarter turn.
    at = data.index(b"tkhd") + 44
    assert struct.unpack(">9i", data[at : at + 36])[:5] == (65536, 0, 0, 0, 65536)
    turn = (0, 65536, 0, -65536, 0, 0, 240 << 16, 0, 1 << 30)
    data[at : at + 36] = struct.pack(">9i", *turn)
    path.write_bytes(data)
    return path
