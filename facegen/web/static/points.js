/* The points of faces, as facegen/latent computes them: drawn, edited, mixed.

   A point is a Float32Array; sums are taken in double precision and rounded once, as there. */

import { Generator, RADIUS, normal, uniform } from "./random_points.js";

const SMALL_ANGLE = 1e-4; // below it, in radians, an arc is a line; as near to pi, it has no plane
const NOTHING_LEFT = 1e-6; // of a direction's length, once others are removed
const DEPENDENT = 1e-12; // of a squared length: what rounding leaves

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Distance from the origin. */
export const radiusOf = (z) => Math.sqrt(dot(Float64Array.from(z), z));

const scaleTo = (z, radius) => {
  const factor = radius / radiusOf(z);
  return z.map((value) => value * factor);
};

/** The point of a face of a seed, as `facegen generate` draws it.
 *
 * @param source Source (engine.js), of a seed
 * @param sampler Sampler (engine.js), not a fitted one
 * @param training {shares, radii}: the radii of training faces, or null
 */
export function drawn({ seed, row }, sampler, latentDim, training) {
  if (seed === undefined) throw new Error("this page has neither photos nor stored faces");
  checkSampler(sampler, training);
  if (sampler.r_limit) return uniform(row, latentDim, { seed, rLimit: sampler.r_limit });
  const z = normal(row, latentDim, { seed, sigma: sampler.sigma ?? 1 });
  if (sampler.radius) return scaleTo(z, sampler.radius);
  if (sampler.truncation) {
    const share = Math.fround(sampler.truncation);
    return z.map((value) => share * value);
  }
  if (sampler.radius_percentile) {
    const [low, high] = sampler.radius_percentile;
    const percentile = low + (high - low) * new Generator(seed, row, RADIUS).double();
    return scaleTo(z, quantile(percentile / 100, training));
  }
  return z;
}

/** Refuses what `facegen generate` refuses; addresses may hold anything. */
function checkSampler(sampler, training) {
  const given = Object.keys(sampler);
  const { truncation, radius_percentile: percentiles, fitted, ...above } = sampler;
  if (given.length > 1) throw new Error(`${given.join(" and ")} don't go together`);
  if (fitted) throw new Error("this page has no fitted sampler");
  for (const [name, value] of Object.entries(above)) {
    if (!(value > 0)) throw new Error(`${name} must be above 0, not ${value}`);
  }
  if (truncation !== undefined && !(truncation > 0 && truncation <= 1)) {
    throw new Error(`truncation must be above 0 and at most 1, not ${truncation}`);
  }
  if (percentiles === undefined) return;
  if (training === null) throw new Error("the radii of this model's training faces are not known");
  const [low, high] = percentiles;
  if (!(low >= 0 && low <= high && high <= 100)) {
    throw new Error(`percentiles are two of 0 to 100, the smaller first, not ${low} and ${high}`);
  }
}

/** The radius below which a share of the training faces lies, interpolated on a line. */
function quantile(share, { shares, radii }) {
  let i = 0;
  while (i < shares.length - 2 && share >= shares[i + 1]) i++;
  const slope = (radii[i + 1] - radii[i]) / (shares[i + 1] - shares[i]);
  return slope * (share - shares[i]) + radii[i];
}

/** A point that goes to a radius, if one is given, and then by an offset, if there is one. */
export function edited(z, radius, offset) {
  const placed = radius == null ? z : scaleTo(z, radius);
  return offset === null ? placed : placed.map((value, i) => value + offset[i]);
}

/** What a move along directions adds to a point, or null where there is none.
 *
 * @param amounts {NAME: AMOUNT}
 * @param without names of directions that are removed from those moved along
 * @param direction from a name to its vector; throws where there is none
 */
export function offset(amounts, without, direction) {
  const names = Object.keys(amounts);
  if (names.length === 0) return null;
  const base = orthonormal(without.map(direction));
  const sum = new Float64Array(direction(names[0]).length);
  for (const name of names) {
    const vector = rest(direction(name), base);
    if (radiusOf(vector) <= NOTHING_LEFT * radiusOf(direction(name))) {
      throw new Error(`nothing of the direction ${name} is left without the others`);
    }
    vector.forEach((value, i) => (sum[i] += amounts[name] * value));
  }
  return Float32Array.from(sum);
}

/** What of a vector is orthogonal to an orthonormal base; twice, for what rounding leaves. */
function rest(vector, base) {
  const left = Float64Array.from(vector);
  for (const unit of [...base, ...base]) {
    const along = dot(left, unit);
    unit.forEach((value, i) => (left[i] -= along * value));
  }
  return left;
}

/** An orthonormal base of the span of some vectors, which may depend on each other. */
function orthonormal(vectors) {
  const base = [];
  for (const vector of vectors) {
    const left = rest(vector, base);
    const [before, after] = [dot(vector, vector), dot(left, left)];
    if (after > DEPENDENT * before) base.push(left.map((value) => value / Math.sqrt(after)));
  }
  return base;
}

/** The point at a place between two others, or within the square of four, as `morph --mix`.
 *
 * @param corners two or four points: upper left, upper right, lower left, lower right
 * @param at [u, v]: u to the right, v down
 */
export function mixed(corners, [u, v]) {
  const upper = spherical(corners[0], corners[1], u);
  return corners.length === 2 ? upper : spherical(upper, spherical(corners[2], corners[3], u), v);
}

function spherical(start, end, share) {
  if (share === 0 || share === 1) return share ? end : start;
  const radii = [radiusOf(start), radiusOf(end)];
  const between = (a, b, [from, to]) => a.map((value, i) => from * value + to * b[i]);
  const line = [1 - share, share];
  if (Math.min(...radii) === 0) return between(start, end, line);
  const [first, last] = [start, end].map((z, i) => Float64Array.from(z, (v) => v / radii[i]));
  const apart = radiusOf(between(first, last, [1, -1]));
  const angle = 2 * Math.atan2(apart, radiusOf(between(first, last, [1, 1])));
  if (angle < SMALL_ANGLE) return between(start, end, line);
  if (Math.PI - angle < SMALL_ANGLE) {
    throw new Error("two of these faces lie opposite each other: there is no one way between them");
  }
  const unit = between(first, last, line.map((part) => Math.sin(part * angle) / Math.sin(angle)));
  const radius = line[0] * radii[0] + line[1] * radii[1];
  return Float32Array.from(unit, (value) => value * radius);
}
