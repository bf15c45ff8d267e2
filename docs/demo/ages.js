// From a picture to faces with ages, all in this browser.

import * as ort from "./vendor/ort.wasm.min.mjs";
import { cutFace } from "./crop.js";
import { Detector } from "./detector.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = 1;  // more need headers that static hosts do not send

// Loads both networks; the result takes a picture ({data, width, height}, RGBA bytes) and gives
// its faces with their ages in years, largest first.
export async function loadAges() {
  const address = (name) => new URL(`./vendor/${name}`, import.meta.url).href;
  // Errors only: YuNet's file names sizes that are free here, and each run would say so.
  const load = (name) => ort.InferenceSession.create(address(name), { logSeverityLevel: 3 });
  const [yunet, network, spec] = await Promise.all([
    load("yunet.onnx"), load("age.onnx"), fetch(address("crop.json")).then((file) => file.json()),
  ]);
  const length = spec.size * spec.size * 3;
  const detector = new Detector(ort, yunet);
  return async (picture) => {
    const faces = await detector.detect(picture);
    if (!faces.length) return [];
    const crops = new Uint8Array(faces.length * length);
    faces.forEach((face, index) => {
      crops.set(cutFace(picture, face.landmarks, spec), index * length);
    });
    const tensor = new ort.Tensor("uint8", crops, [faces.length, spec.size, spec.size, 3]);
    const { age } = await network.run({ crops: tensor });
    const size = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
    return faces
      .map((face, index) => ({ ...face, age: age.data[index] }))
      .sort((one, other) => size(other) - size(one));
  };
}
