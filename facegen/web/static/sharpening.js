/* Pillow's ImageEnhance.Sharpness, to the bit: away from a smoothed picture by a factor. */

const CENTRE = 5; // of Pillow's SMOOTH kernel; the eight around it weigh 1
const SUM = 13;
const CHANNELS = 4;

/** RGBA pixels smoothed by ImageFilter.SMOOTH; the edge, where it has no neighbours, stays. */
function smooth(pixels, size) {
  const smoothed = pixels.slice();
  const row = size * CHANNELS;
  for (let y = 1; y < size - 1; y++) {
    for (let at = y * row + CHANNELS; at < (y + 1) * row - CHANNELS; at++) {
      let sum = (CENTRE - 1) * pixels[at];
      for (const line of [at - row, at, at + row]) {
        sum += pixels[line - CHANNELS] + pixels[line] + pixels[line + CHANNELS];
      }
      smoothed[at] = Math.floor(sum / SUM + 0.5);
    }
  }
  return smoothed;
}

/**
 * Sharpens a face.
 *
 * @param pixels Uint8ClampedArray, RGBA, opaque, size x size
 * @param factor 0 blurs, 1 changes nothing; any number
 * @return Uint8ClampedArray of the same shape
 */
export function sharpen(pixels, size, factor) {
  const amount = Math.fround(factor);
  if (amount === 1) return pixels;
  const smoothed = smooth(pixels, size);
  return smoothed.map((from, at) => {
    const away = Math.fround(amount * (pixels[at] - from));
    return Math.trunc(Math.fround(from + away)); // clamped to 0..255
  });
}
