"""The other end of keras_runner.py: runs in a Python with TensorFlow and without facelage."""

from __future__ import annotations

import io
import os
import struct
import sys

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def load(path: str):  # type: ignore[no-untyped-def]
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if path.endswith(".keras"):
        return tf.keras.models.load_model(path, compile=False)
    import tf_keras  # Keras 2, which wrote the older files

    return tf_keras.models.load_model(path, compile=False)


def main() -> None:
    # Whatever TensorFlow prints must not end up among the arrays.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    model = load(sys.argv[1])

    def send(arrays: dict[str, np.ndarray]) -> None:
        packed = io.BytesIO()
        np.savez(packed, **arrays)
        out.write(struct.pack("<q", packed.tell()) + packed.getvalue())
        out.flush()

    send({"shape": np.array([end or -1 for end in model.input_shape])})
    while head := sys.stdin.buffer.read(8):
        data = io.BytesIO(sys.stdin.buffer.read(struct.unpack("<q", head)[0]))
        found = model.predict_on_batch(np.load(data)["input"])
        outputs = found if isinstance(found, list) else [found]
        send({f"output_{number}": np.asarray(array) for number, array in enumerate(outputs)})


if __name__ == "__main__":
    main()
