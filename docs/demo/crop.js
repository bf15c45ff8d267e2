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

// The picture at 1/factor of its size, each new pixel the mean of a block; edges are repeated.
export function blockMean(picture, factor) {
  const width = Math.ceil(picture.width / factor);
  const height = Math.ceil(picture.height / factor);
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const sums = [0, 0, 0];
      for (let part = 0; part < factor * factor; part += 1) {
        const x = Math.min(column * factor + (part % factor), picture.width - 1);
        const y = Math.min(row * factor + Math.floor(part / factor), picture.height - 1);
        for (let channel = 0; channel < 3; channel += 1) {
          sums[channel] += picture.data[(y * picture.width + x) * 4 + channel];
        }
      }
      for (let channel = 0; channel < 3; channel += 1) {
        data[(row * width + column) * 4 + channel] = sums[channel] / (factor * factor);
      }
    }
  }
  return { data, width, height };
}

// The picture at a size down to half of its own: each new pixel lies between four old ones.
export function shrink(picture, width, height) {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  const columns = places(picture.width, width);
  places(picture.height, height).forEach(([top, bottom, shareY], row) => {
    columns.forEach(([left, right, shareX], column) => {
      for (let channel = 0; channel < 3; channel += 1) {
        const at = (x, y) => picture.data[(y * picture.width + x) * 4 + channel];
        const above = at(left, top) * (1 - shareX) + at(right, top) * shareX;
        const below = at(left, bottom) * (1 - shareX) + at(right, bottom) * shareX;
        data[(row * width + column) * 4 + channel] = above * (1 - shareY) + below * shareY;
      }
    });
  });
  return { data, width, height };
}

// For each new place the two old ones that it lies between, and the second one's share.
function places(before, after) {
  return Array.from({ length: after }, (_, index) => {
    const place = Math.max(((index + 0.5) * before) / after - 0.5, 0);
    const first = Math.floor(place);
    return [first, Math.min(first + 1, before - 1), place - first];
  });
}
