"""One file that takes face crops of any size as they are: the preprocessing in ONNX.

The graph takes the steps of :func:`facelage.data.align.fit_crop` one by one, with
OpenCV's rounding, so that pixel values agree, not only ages.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from facelage.data.align import CropSpec, max_pad
from facelage.export.proto import (
    IR_VERSION,
    OPSET,
    properties,
    read_float_input,
    rename_tensor,
    write_model,
)
from facelage.infer.spread import POOLED
from facelage.models.weights import CROP_KEY

#: Name of the input: N x H x W x 3, uint8, RGB.
INPUT = "crops"


def export_self_contained(
    source: str | os.PathLike[str], path: str | os.PathLike[str], *, name: str = ""
) -> Path:
    """Write an exported model anew, with its preprocessing inside, atomically.

    The new file has one input ``crops`` (N x H x W x 3, uint8, RGB; N, H and W
    free) and one output ``age`` (N, float32, years, at least 0). Crops of another
    size than the model's are brought to it as
    :func:`facelage.data.align.fit_crop` does. The metadata are the source's.

    Parameters
    ----------
    source:
        An ONNX file of ``facelage export``, of any precision.
    name:
        Name of the weights in the new file; the source's by default.

    Raises
    ------
    MissingDependencyError
        If ``onnx`` is not installed.
    WeightsError
        If the file is missing, broken or without a crop.
    ExportError
        If it is self-contained already.
    """
    model = read_float_input(source)
    import onnx

    metadata = properties(model)
    crop = CropSpec.from_json(metadata[CROP_KEY])
    before = onnx.parser.parse_model(_preprocessing(crop))
    model = onnx.compose.add_prefix(model, "net_", rename_inputs=True, rename_outputs=True)
    [image], [years] = model.graph.input, model.graph.output
    after = onnx.parser.parse_model(_NO_NEGATIVES.format(ir=IR_VERSION, opset=OPSET))
    whole = onnx.compose.merge_models(before, model, io_map=[("normalised", image.name)])
    whole = onnx.compose.merge_models(whole, after, io_map=[(years.name, "years")])
    rename_tensor(whole, f"net_{POOLED}", POOLED)
    whole.doc_string = "facelage: age in years from a face crop of any size"
    return write_model(whole, path, name=name, metadata=metadata)


def _preprocessing(crop: CropSpec) -> str:
    """ONNX's textual form of the graph from uint8 crops of any size to the network's input."""
    std = np.asarray(crop.std, np.float32)
    gain = 1 / (255 * std)
    shift = -np.asarray(crop.mean, np.float32) / std
    numbers = {"gain": ", ".join(map(repr, gain.tolist()))}
    numbers["shift"] = ", ".join(map(repr, shift.tolist()))
    head = _HEAD.format(
        ir=IR_VERSION, opset=OPSET, size=crop.size, pad=max_pad(crop), source=INPUT, **numbers
    )
    axes = [_PLACES.replace("@", fixed).replace("#", axis) for axis, fixed in _FIXED.items()]
    return "".join([head, _SCALE, *axes, _APPLY, "}"])


_HEAD = """
<ir_version: {ir}, opset_import: ["" : {opset}]>
preprocessing (uint8[batch, height, width, 3] {source})
  => (float[batch, 3, {size}, {size}] normalised)
<int64 i1 = {{1}}, int64 i2 = {{2}}, int64 i3 = {{3}},
 int64 side = {{{size}}}, int64 canvas_pad = {{{pad}}},
 double d0 = {{0}}, double d1 = {{1}}, double d2 = {{2}}, double d16 = {{16}}, double d32 = {{32}},
 double d1024 = {{1024}}, float half = {{0.5}},
 int64[1] first = {{0}}, int64[1] second = {{1}}, int64[1] rgb = {{3}},
 int64[1] side_1 = {{{size}}},
 int64[2] within = {{2, 4}}, int64[5] no_pad = {{0, 0, 0, 0, 0}},
 int64[3] as_row = {{1, -1, 1}}, int64[3] as_column = {{-1, 1, 1}},
 float[3,1,1] gain = {{{gain}}}, float[3,1,1] shift = {{{shift}}}>
{{
  shape = Shape ({source})
  pixels = Identity ({source})
"""

# A picture of more than three times the crop's side is first averaged over blocks of `factor` x
# `factor` pixels; the crop is then sampled `finer` times as densely as its pixels lie. `step` is
# the distance of two samples, in blocks.
_SCALE = """
  size_height = Gather (shape, i1)
  size_width = Gather (shape, i2)
  longer = Max (size_height, size_width)
  twice = Mul (longer, i2)
  thrice = Mul (side, i3)
  is_large = Greater (longer, thrice)
  by_scale = Div (twice, thrice)
  factor = Where (is_large, by_scale, i1)
  factor_less = Sub (factor, i1)
  reduced_side = Mul (side, factor)
  reduced_side_less = Sub (reduced_side, i1)
  rounded_up = Add (longer, reduced_side_less)
  needed = Div (rounded_up, reduced_side)
  finer = Min (needed, i3)
  samples = Mul (side, finer)
  samples_less = Sub (samples, i1)
  offset = Mul (finer, canvas_pad)
  end = Add (offset, samples)
  places = Range (offset, end, i1)
  places_d = Cast <to = 11> (places)
  longer_d = Cast <to = 11> (longer)
  steps = Mul (samples, factor)
  steps_d = Cast <to = 11> (steps)
  step = Div (longer_d, steps_d)
  samples_less_d = Cast <to = 11> (samples_less)
  samples_middle = Div (samples_less_d, d2)
  offset_d = Cast <to = 11> (offset)
  canvas_middle = Add (samples_middle, offset_d)
  to_middle = Mul (canvas_middle, step)
  from_origin = Mul (places_d, step)
  factor_d = Cast <to = 11> (factor)
  factor_1 = Unsqueeze (factor, first)
  finer_1 = Unsqueeze (finer, first)
  is_two = Equal (factor, i2)
"""

# For the side #, where each sample lies, in blocks: between low_# and high_#, share_# of the way.
# OpenCV rounds to 1/1024 and then to 1/32, and repeats the edge outside the picture; the first
# rounding (@) is of the sum down a column, and of the summands along a row.
_PLACES = """
  to_round_# = Add (size_#, factor_less)
  blocks_# = Div (to_round_#, factor)
  covered_# = Mul (blocks_#, factor)
  missing_# = Sub (covered_#, size_#)
  size_d_# = Cast <to = 11> (size_#)
  size_in_blocks_# = Div (size_d_#, factor_d)
  size_less_# = Sub (size_in_blocks_#, d1)
  middle_# = Div (size_less_#, d2)
  origin_# = Sub (middle_#, to_middle)
@
  fixed_up_# = Add (fixed_#, d16)
  fixed_32_# = Div (fixed_up_#, d32)
  rounded_32_# = Floor (fixed_32_#)
  rounded_# = Div (rounded_32_#, d32)
  last_# = Sub (blocks_#, i1)
  last_d_# = Cast <to = 11> (last_#)
  inside_# = Clip (rounded_#, d0, last_d_#)
  low_d_# = Floor (inside_#)
  share_d_# = Sub (inside_#, low_d_#)
  share_flat_# = Cast <to = 1> (share_d_#)
  low_# = Cast <to = 7> (low_d_#)
  next_# = Add (low_#, i1)
  high_# = Min (next_#, last_#)
  blocks_1_# = Unsqueeze (blocks_#, first)
  missing_1_# = Unsqueeze (missing_#, first)
"""

_FIXED = {
    "height": """
  at_height = Add (from_origin, origin_height)
  at_1024_height = Mul (at_height, d1024)
  fixed_height = Round (at_1024_height)
""",
    "width": """
  from_origin_1024 = Mul (from_origin, d1024)
  from_origin_fixed = Round (from_origin_1024)
  origin_1024_width = Mul (origin_width, d1024)
  origin_fixed_width = Round (origin_1024_width)
  fixed_width = Add (from_origin_fixed, origin_fixed_width)
""",
}

_APPLY = """
  pads = Concat <axis = 0> (no_pad, missing_1_height, missing_1_width, first)
  full = Pad <mode = "edge"> (pixels, pads)
  full_f = Cast <to = 1> (full)
  batch_1 = Slice (shape, first, second)
  block_shape = Concat <axis = 0>
    (batch_1, blocks_1_height, factor_1, blocks_1_width, factor_1, rgb)
  in_blocks = Reshape (full_f, block_shape)
  means = ReduceMean <keepdims = 0> (in_blocks, within)
  means_plus = Add (means, half)
  ties_up = Floor (means_plus)
  ties_even = Round (means)
  reduced = Where (is_two, ties_up, ties_even)

  share_height = Reshape (share_flat_height, as_column)
  above = Gather <axis = 1> (reduced, low_height)
  below = Gather <axis = 1> (reduced, high_height)
  down = Sub (below, above)
  down_part = Mul (down, share_height)
  rows = Add (above, down_part)
  share_width = Reshape (share_flat_width, as_row)
  left = Gather <axis = 2> (rows, low_width)
  right = Gather <axis = 2> (rows, high_width)
  across = Sub (right, left)
  across_part = Mul (across, share_width)
  between = Add (left, across_part)
  between_plus = Add (between, half)
  sampled = Floor (between_plus)

  sample_shape = Concat <axis = 0> (batch_1, side_1, finer_1, side_1, finer_1, rgb)
  by_pixel = Reshape (sampled, sample_shape)
  averaged = ReduceMean <keepdims = 0> (by_pixel, within)
  averaged_plus = Add (averaged, half)
  crop = Floor (averaged_plus)
  planes = Transpose <perm = [0, 3, 1, 2]> (crop)
  scaled = Mul (planes, gain)
  normalised = Add (scaled, shift)
"""

_NO_NEGATIVES = """
<ir_version: {ir}, opset_import: ["" : {opset}]>
postprocessing (float[batch] years) => (float[batch] age) {{
  age = Relu (years)
}}
"""
