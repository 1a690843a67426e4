/* Points from a seed: the numbers that NumPy draws in facegen/latent/random_points.py, bit for bit.

   Philox 4x64-10: Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
   Normals: the ziggurat of Marsaglia and Tsang 2000, "The ziggurat method for generating random
   variables", with 256 strips and 23 bits, as NumPy's `standard_normal` takes it for float32. */

export const [POINTS, RADIUS] = [0, 4]; // streams, as there

const WORD = 2n ** 64n - 1n;
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n];
const WEYL = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];
const ROUNDS = 10;

/** Four words of 64 bits for a counter of four and a key of two. */
function philox([a, b, c, d], [key, other]) {
  for (let round = 0; round < ROUNDS; round++) {
    const first = MULTIPLIERS[0] * a;
    const second = MULTIPLIERS[1] * c;
    [a, b, c, d] = [(second >> 64n) ^ b ^ key, second & WORD, (first >> 64n) ^ d ^ other, first & WORD];
    key = (key + WEYL[0]) & WORD;
    other = (other + WEYL[1]) & WORD;
  }
  return [a, b, c, d];
}

/** The generator of one row of one stream of a seed: whole numbers, or BigInt beyond 2**53. */
export class Generator {
  constructor(seed, row = 0, stream = POINTS) {
    this.key = [BigInt(seed), BigInt(stream)];
    this.counter = [0n, BigInt(row), 0n, 0n];
    this.words = [];
    this.half = null; // the upper half of a word whose lower one is used
  }

  word() {
    if (this.words.length === 0) {
      this.counter[0] += 1n; // a row has 2**64 of them before the next one begins
      this.words = philox(this.counter, this.key);
    }
    return this.words.shift();
  }

  uint32() {
    if (this.half !== null) {
      const half = this.half;
      this.half = null;
      return half;
    }
    const word = this.word();
    this.half = Number(word >> 32n);
    return Number(word & 0xffffffffn);
  }

  /** Uniform in [0, 1), with 24 bits. */
  float() {
    return (this.uint32() >>> 8) / 2 ** 24;
  }

  /** Uniform in [0, 1), with 53 bits. */
  double() {
    return Number(this.word() >> 11n) / 2 ** 53;
  }

  /** From N(0, 1), float32. */
  normal() {
    for (;;) {
      const bits = this.uint32();
      const strip = bits & 0xff;
      const distance = bits >>> 9;
      const x = Math.fround(distance * WIDTHS[strip]) * (bits & 0x100 ? -1 : 1);
      if (distance < INSIDE[strip]) return x;
      if (strip === 0) return this.tail() * (distance & 0x100 ? -1 : 1);
      const step = Math.fround(HEIGHTS[strip - 1] - HEIGHTS[strip]);
      const height = Math.fround(Math.fround(step * this.float()) + HEIGHTS[strip]);
      if (height < density(x)) return x;
    }
  }

  /** From the tail of N(0, 1) beyond the last strip, float32. */
  tail() {
    for (;;) {
      const x = Math.fround(-INVERSE_LAST * log1p(-this.float()));
      const y = -log1p(-this.float());
      if (Math.fround(y + y) > Math.fround(x * x)) return Math.fround(LAST + x);
    }
  }
}

const log1p = (x) => Math.fround(Math.log1p(x));
const density = (x) => Math.exp(-0.5 * x * x);

// The strips: all have the area AREA; the last one begins at LAST and has the tail beneath it.
const STRIPS = 256;
const EDGE = 3.6541528853610088;
const AREA = 0.00492867323399;
const LAST = Math.fround(EDGE);
const INVERSE_LAST = Math.fround(1 / EDGE);
const SCALE = 2 ** 23;
const WIDTHS = new Float32Array(STRIPS); // of a strip, in units of `distance`
const HEIGHTS = new Float32Array(STRIPS); // of the density at its right end
const INSIDE = new Uint32Array(STRIPS); // below this distance a point is certainly under the curve

function cutIntoStrips() {
  WIDTHS[0] = AREA / density(EDGE) / SCALE;
  HEIGHTS[0] = 1;
  INSIDE[0] = Math.round((EDGE * density(EDGE) * SCALE) / AREA);
  for (let strip = STRIPS - 1, x = EDGE; strip > 0; strip--) {
    WIDTHS[strip] = x / SCALE;
    HEIGHTS[strip] = density(x);
    const above = strip > 1 ? Math.sqrt(-2 * Math.log(AREA / x + density(x))) : 0;
    INSIDE[strip] = Math.round((above / x) * SCALE);
    x = above;
  }
}
cutIntoStrips();

/** A point from N(0, sigma^2) in every coordinate, Float32Array. */
export function normal(row, latentDim, { seed, sigma = 1 }) {
  const random = new Generator(seed, row);
  const factor = Math.fround(sigma);
  return Float32Array.from({ length: latentDim }, () => random.normal() * factor);
}

/** A point uniform in [-rLimit, rLimit] in every coordinate, Float32Array. */
export function uniform(row, latentDim, { seed, rLimit }) {
  const random = new Generator(seed, row);
  const factor = Math.fround(rLimit);
  return Float32Array.from({ length: latentDim }, () => (random.float() * 2 - 1) * factor);
}
