// Cutting faces out of pictures, as facelage.data.align does it.
//
// A picture here is {data, width, height}: RGBA bytes, rows from the top, as canvases give them.
// Pixel coordinates have the first pixel's centre at (0, 0).

// A spec is the crop of the weights, vendor/crop.json: side in pixels (size), and where the five
// landmarks go, in sides (landmarks).

// The least-squares similarity from the landmarks to their places in the crop (Umeyama, 1991):
// [a, b, x, y] takes (u, v) to (a u - b v + x, b u + a v + y).
function similarity(landmarks, spec) {
  const targets = spec.landmarks.map((point) => point.map((share) => share * spec.size - 0.5));
  const mean = (points) => [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / points.length);
  const [sourceX, sourceY] = mean(landmarks);
  const [targetX, targetY] = mean(targets);
  let spread = 0;
  let a = 0;
  let b = 0;
  landmarks.forEach((point, index) => {
    const [x, y] = [point[0] - sourceX, point[1] - sourceY];
    const [u, v] = [targets[index][0] - targetX, targets[index][1] - targetY];
    spread += x * x + y * y;
    a += x * u + y * v;
    b += x * v - y * u;
  });
  a /= Math.max(spread, 1e-6);
  b /= Math.max(spread, 1e-6);
  return [a, b, targetX - a * sourceX + b * sourceY, targetY - b * sourceX - a * sourceY];
}

// The crop of one face: size x size x 3 bytes, RGB. Where a crop pixel covers several of the
// picture's, it is their mean, so that fine texture is blurred and not aliased.
export function cutFace(picture, landmarks, spec) {
  const { size } = spec;
  const { data, width, height } = picture;
  const [a, b, x, y] = similarity(landmarks, spec);
  const square = a * a + b * b;
  const finer = Math.max(1, Math.ceil(1 / Math.sqrt(square) - 1e-9));
  const crop = new Uint8Array(size * size * 3);
  const clamp = (value, last) => Math.min(Math.max(value, 0), last);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const sums = [0, 0, 0];
      for (let part = 0; part < finer * finer; part += 1) {
        // The place of this sample in the crop, then in the picture.
        const u = column + ((part % finer) + 0.5) / finer - 0.5 - x;
        const v = row + (Math.floor(part / finer) + 0.5) / finer - 0.5 - y;
        const px = clamp((a * u + b * v) / square, width - 1);
        const py = clamp((a * v - b * u) / square, height - 1);
        const left = Math.floor(px);
        const top = Math.floor(py);
        const right = Math.min(left + 1, width - 1);
        const bottom = Math.min(top + 1, height - 1);
        const shareX = px - left;
        const shareY = py - top;
        for (let channel = 0; channel < 3; channel += 1) {
          const at = (i, j) => data[(j * width + i) * 4 + channel];
          const above = at(left, top) * (1 - shareX) + at(right, top) * shareX;
          const below = at(left, bottom) * (1 - shareX) + at(right, bottom) * shareX;
          sums[channel] += above * (1 - shareY) + below * shareY;
        }
      }
      for (let channel = 0; channel < 3; channel += 1) {
        crop[(row * size + column) * 3 + channel] = Math.round(sums[channel] / (finer * finer));
      }
    }
  }
  return crop;
}

// The picture at another size, each new pixel the mean of the area that it covers.
export function shrink(picture, width, height) {
  const source = picture.data;
  const middle = new Float32Array(width * picture.height * 3);
  const result = new Uint8ClampedArray(width * height * 4);
  weigh(picture.width, width, (to, from, share) => {
    for (let row = 0; row < picture.height; row += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        middle[(row * width + to) * 3 + channel] +=
          share * source[(row * picture.width + from) * 4 + channel];
      }
    }
  });
  const sums = new Float32Array(width * height * 3);
  weigh(picture.height, height, (to, from, share) => {
    for (let index = 0; index < width * 3; index += 1) {
      sums[to * width * 3 + index] += share * middle[from * width * 3 + index];
    }
  });
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      result[pixel * 4 + channel] = sums[pixel * 3 + channel];  // rounds and clamps
    }
    result[pixel * 4 + 3] = 255;
  }
  return { data: result, width, height };
}

// Calls add(to, from, share) for each old pixel that a new one covers, shares adding up to 1.
function weigh(before, after, add) {
  const scale = before / after;
  for (let to = 0; to < after; to += 1) {
    const start = to * scale;
    const end = Math.min((to + 1) * scale, before);
    for (let from = Math.floor(start); from < end; from += 1) {
      const covered = Math.min(from + 1, end) - Math.max(from, start);
      if (covered > 0) add(to, from, covered / (end - start));
    }
  }
}
