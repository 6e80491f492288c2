/* Letterbox: fit a picture into the model's square canvas and map values back, with the numbers of grisq itself.

   A browser resizes as it likes, so the two interpolations are written out: Pillow's bilinear filter, whose bytes come
   out the same, and torch's for the way back. See grisq/data/letterbox.py. (Pillow 13 goes along the columns first where
   the height shrinks much more than the width: there a byte may differ by one.) */

const FRACTION_BITS = 22; // Pillow's fixed-point weights of 8-bit pictures

/** Round as Python does: halves to the even neighbor. */
export function round(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** A picture of width x height scaled to fit a square of `side` pixels, in its top-left corner. */
export class Letterbox {
  constructor(width, height, side) {
    Object.assign(this, { width, height, side });
    this.fittedWidth = this.#fit(width);
    this.fittedHeight = this.#fit(height);
  }

  #fit(length) {
    return Math.max(1, round((length * this.side) / Math.max(this.width, this.height)));
  }
}

/** Shrinks or enlarges a picture to the canvas, taking its rows a strip at a time, so that it never lies in memory whole.

    First along the rows, then along the columns, each rounded to whole numbers, as Pillow does it. */
export class Fitting {
  constructor(box) {
    this.box = box;
    this.across = triangleWeights(box.width, box.fittedWidth);
    this.rows = new Uint8ClampedArray(box.height * box.fittedWidth * 3); // fitted along the rows only
    this.next = 0; // the first row that has not come yet
  }

  /** Take further rows: RGBA bytes as a canvas gives them. */
  add(rgba) {
    const { width, fittedWidth } = this.box;
    const count = rgba.length / (4 * width);
    for (let y = 0; y < count; y++) {
      for (let x = 0; x < fittedWidth; x++) {
        const { first, weights } = this.across[x];
        for (let color = 0; color < 3; color++) {
          let sum = 2 ** (FRACTION_BITS - 1);
          let place = 4 * (y * width + first) + color;
          for (const weight of weights) {
            sum += weight * rgba[place];
            place += 4;
          }
          this.rows[3 * ((this.next + y) * fittedWidth + x) + color] = sum >> FRACTION_BITS;
        }
      }
    }
    this.next += count;
  }

  /** The model's input once all rows came: images (3, side, side), a plane for each color, and valid (side, side). */
  finish() {
    const { height, side, fittedWidth, fittedHeight } = this.box;
    const images = new Uint8ClampedArray(3 * side * side);
    const valid = new Uint8Array(side * side);
    const along = triangleWeights(height, fittedHeight);
    for (let y = 0; y < fittedHeight; y++) {
      valid.fill(1, y * side, y * side + fittedWidth);
      const { first, weights } = along[y];
      for (let x = 0; x < fittedWidth; x++) {
        for (let color = 0; color < 3; color++) {
          let sum = 2 ** (FRACTION_BITS - 1);
          let place = 3 * (first * fittedWidth + x) + color;
          for (const weight of weights) {
            sum += weight * this.rows[place];
            place += 3 * fittedWidth;
          }
          images[(color * side + y) * side + x] = sum >> FRACTION_BITS;
        }
      }
    }
    return { images: new Uint8Array(images.buffer), valid };
  }
}

/** For each output pixel the first input pixel that it reads and the weights of that one and those after it. */
function triangleWeights(length, fitted) {
  const scale = length / fitted;
  const reach = Math.max(scale, 1); // when shrinking, the triangle is as wide as two output pixels: no aliasing
  return Array.from({ length: fitted }, (_, number) => {
    const center = (number + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(length, Math.trunc(center + reach + 0.5));
    const exact = [];
    for (let at = first; at < end; at++) {
      exact.push(Math.max(0, 1 - Math.abs((at - center + 0.5) / reach)));
    }
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: exact.map((weight) => Math.trunc(0.5 + (weight / total) * 2 ** FRACTION_BITS)) };
  });
}

/** Where values on the canvas are positive, in a frame of width x height: crop the picture's part, resize bilinearly.

    values (side, side) -> (height, width), 1 inside; a logit above 0 is a probability above one half. */
export function positiveIn(values, box, width, height) {
  const columns = places(box.fittedWidth, width);
  const mask = new Uint8Array(width * height);
  places(box.fittedHeight, height).forEach((row, y) => {
    const upper = row.near * box.side;
    const lower = row.far * box.side;
    for (let x = 0; x < width; x++) {
      const { near, far, share } = columns[x];
      const above = values[upper + near] + share * (values[upper + far] - values[upper + near]);
      const below = values[lower + near] + share * (values[lower + far] - values[lower + near]);
      mask[y * width + x] = above + row.share * (below - above) > 0 ? 1 : 0;
    }
  });
  return mask;
}

/** For each output pixel the two input pixels that it lies between, and the share of the farther one. */
function places(length, size) {
  return Array.from({ length: size }, (_, number) => {
    const exact = Math.max(0, ((number + 0.5) * length) / size - 0.5);
    const near = Math.min(Math.floor(exact), length - 1);
    return { near, far: Math.min(near + 1, length - 1), share: exact - near };
  });
}
