#!/usr/bin/env bash
# From a folder of labelled photos to a model of your own, one command a step.
#
#   examples/train_your_own.sh PHOTOS [OUT] [train's options]
#
# PHOTOS holds folders named by age (34/anna.jpg) or UTKFace file names
# (34_1_0_x.jpg), or is a CSV file with the columns path and age. OUT is
# my_model unless it is given. Started again after an interruption, it goes on.
set -euo pipefail

photos=$1
out=${2:-my_model}
shift $(($# < 2 ? $# : 2))

facelage prepare "$photos" "$out/faces"
# ImageNet weights help a great deal; torchvision downloads its own once. The
# options given last win: --epochs 2 for a trial, --backbone FILE without a network.
facelage train "$out/faces" --run "$out/run" --backbone torchvision "$@"
facelage evaluate "$out/run" "$out/faces" --out "$out/evaluation"
facelage export "$out/run" "$out/model.onnx" --check "$out/faces"
if [ -d "$photos" ]; then
  # Exit code 3: some image could not be read; its row says why.
  facelage predict "$photos" --model "$out/model.onnx" --format csv > "$out/ages.csv" || [ $? -eq 3 ]
  echo "wrote $out/ages.csv"
fi
