/* What the page shows, as plain data, and as the fragment of its address.

   Every state has an address, every address a state: what is missing or can't be read is as by
   default. Names in the address are those of the command line's options.

   State:
     view        "faces", "face", "mix" or "map"
     seed, n     of the grid
     sampler     Sampler (engine.js)
     decoder     a name, or null for the default
     sharpen     a factor, or null
     source      Source: the one face
     attribute   {NAME: AMOUNT} of it, without [NAME], radius or null
     corners     of the mix: 2 or 4 of Source; at [u, v]
     map         {kind, colour, x, y, zoom, lasso}: one of MAP_KINDS, or null for the first that is
                 there; a label or null; the middle, in the map's own coordinates; 1 shows all;
                 [x, y, x, y ...] of a polygon, or null
*/

export const VIEWS = ["faces", "face", "mix", "map"];
export const MAP_KINDS = ["file", "pca", "tsne"]; // the file is that of --map
export const MOST_FACES = 448;
export const [LEAST_ZOOM, MOST_ZOOM] = [0.5, 200];
const SHAPES = { sigma: 1, "r-limit": 1, radius: 1, truncation: 1, "radius-percentile": 2 };

/** The state that an empty address stands for. */
export function defaults(seed = 1) {
  return {
    view: "faces",
    seed,
    n: 28,
    sampler: {},
    decoder: null,
    sharpen: null,
    source: { seed, row: 0 },
    attribute: {},
    without: [],
    radius: null,
    corners: [0, 1, 2, 3].map((row) => ({ seed, row })),
    at: [0.5, 0.5],
    map: { kind: null, colour: null, x: 0, y: 0, zoom: 1, lasso: null },
  };
}

/** A number as short as it can be told. */
export function short(number, digits = 3) {
  return String(Number(number.toFixed(digits)));
}

/** A source as the command line names it; null for a row without a store. `files`: about.files. */
export function sourceName(source, files) {
  if ("photo" in source) return source.name;
  if ("stored" in source) return files.latents && `${files.latents}:${source.stored}`;
  return `seed:${source.seed}:${source.row}`;
}

/** What a source is, for people. */
export function sourceTitle(source) {
  if ("photo" in source) return source.name;
  if ("stored" in source) return `Row ${source.stored}`;
  return `Seed ${source.seed}, face ${source.row}`;
}

export function sameSource(a, b) {
  return sourceText(a) === sourceText(b);
}

/** What changes when one face is opened: it is shown as it was where it was clicked. */
export function opened(source) {
  return { view: "face", source, attribute: {}, without: [], radius: null };
}

/** What changes with the seed: sources that nobody has chosen are faces of the new one. */
export function reseeded(state, seed) {
  const [before, after] = [defaults(state.seed), defaults(seed)];
  const kept = (source, old, fresh) => (sameSource(source, old) ? fresh : source);
  return {
    seed,
    source: kept(state.source, before.source, after.source),
    corners: state.corners.map((one, i) => kept(one, before.corners[i], after.corners[i])),
  };
}

function sourceText(source) {
  if ("photo" in source) return `photo:${source.photo}:${source.name}`;
  if ("stored" in source) return `row:${source.stored}`;
  return `seed:${source.seed}:${source.row}`;
}

function readSource(text) {
  let match = /^seed:(\d{1,15}):(\d{1,15})$/.exec(text);
  if (match) return { seed: Number(match[1]), row: Number(match[2]) };
  match = /^row:(\d{1,15})$/.exec(text);
  if (match) return { stored: Number(match[1]) };
  match = /^photo:([0-9a-f]{64}):([^/]{1,255})$/.exec(text);
  return match ? { photo: match[1], name: match[2] } : null;
}

/** The fragment of a state's address, without "#". */
export function toAddress(state) {
  const first = defaults(state.seed);
  const words = new URLSearchParams();
  words.set("view", state.view);
  words.set("seed", state.seed);
  if (state.n !== first.n) words.set("n", state.n);
  for (const [name, value] of Object.entries(state.sampler)) {
    words.set(name.replace("_", "-"), value === true ? "yes" : [value].flat().join("-"));
  }
  if (state.decoder) words.set("decoder", state.decoder);
  if (state.sharpen !== null) words.set("sharpen", short(state.sharpen));
  words.set("face", sourceText(state.source));
  const amounts = Object.entries(state.attribute).map(([name, n]) => `${name}=${short(n)}`);
  if (amounts.length) words.set("attribute", amounts.join(","));
  if (state.without.length) words.set("without", state.without.join(","));
  if (state.radius !== null) words.set("at-radius", short(state.radius));
  // What other views show goes along, so that nothing is lost on the way through them.
  const corners = state.corners.map(sourceText);
  const chosen = corners.join() !== first.corners.map(sourceText).join();
  if (state.view === "mix" || chosen) corners.forEach((corner) => words.append("corner", corner));
  const at = state.at.map((share) => short(share)).join(",");
  if (state.view === "mix" || at !== first.at.join(",")) words.set("mix", at);
  const { kind, colour, x, y, zoom, lasso } = state.map;
  if (kind) words.set("map", kind);
  if (colour) words.set("colour", colour);
  if (x || y || zoom !== 1) words.set("zoom", [x, y, zoom].map((n) => short(n, 5)).join(","));
  if (lasso) words.set("lasso", lasso.map((n) => short(n, 5)).join(","));
  return words.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
}

const number = (text, least, most) => {
  const found = text === null || text.trim() === "" ? NaN : Number(text);
  return found >= least && found <= most ? found : null;
};
const whole = (text, least, most) => {
  const found = number(text, least, most);
  return Number.isInteger(found) ? found : null;
};
const numbers = (text, least, most) => {
  const found = (text ?? "").split(",").map((part) => number(part, least, most));
  return found.includes(null) ? [] : found;
};

/** The state of an address's fragment; `fallback` has what it doesn't tell. */
export function fromAddress(fragment, fallback) {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const seed = whole(words.get("seed"), 0, Number.MAX_SAFE_INTEGER) ?? fallback.seed;
  const state = defaults(seed);
  if (VIEWS.includes(words.get("view"))) state.view = words.get("view");
  state.n = whole(words.get("n"), 1, MOST_FACES) ?? state.n;
  state.sampler = readSampler(words);
  state.decoder = words.get("decoder");
  state.sharpen = number(words.get("sharpen"), 0, 1000);
  state.source = readSource(words.get("face") ?? "") ?? state.source;
  for (const part of (words.get("attribute") ?? "").split(",")) {
    const middle = part.lastIndexOf("=");
    const amount = number(part.slice(middle + 1), -100, 100);
    if (middle > 0 && amount) state.attribute[part.slice(0, middle)] = amount;
  }
  state.without = (words.get("without") ?? "").split(",").filter(Boolean);
  state.radius = number(words.get("at-radius"), 1e-6, 1000);
  const corners = words.getAll("corner").map(readSource);
  if ([2, 4].includes(corners.length) && !corners.includes(null)) state.corners = corners;
  const at = numbers(words.get("mix"), 0, 1);
  if (at.length === 2) state.at = at;
  const place = numbers(words.get("zoom"), -100, MOST_ZOOM);
  if (place.length === 3 && place[2] >= LEAST_ZOOM) [state.map.x, state.map.y, state.map.zoom] = place;
  if (MAP_KINDS.includes(words.get("map"))) state.map.kind = words.get("map");
  state.map.colour = words.get("colour");
  const lasso = numbers(words.get("lasso"), -100, 100);
  if (lasso.length >= 6 && lasso.length % 2 === 0) state.map.lasso = lasso;
  return state;
}

function readSampler(words) {
  const found = {};
  for (const [flag, count] of Object.entries(SHAPES)) {
    const values = (words.get(flag) ?? "").split("-").map((part) => number(part, 0, 1000));
    if (values.length === count && !values.includes(null)) {
      found[flag.replace("-", "_")] = count === 1 ? values[0] : values;
    }
  }
  if (words.get("fitted")) found.fitted = true;
  return found;
}

/* A grid on a shell is `generate --radius`. Of one face and of corners the same is what `edit` and
   `morph` do with --radius, so there the shell is no matter of the sampler. */

/** The look (engine.js) of the grid of a state. */
export function gridLook(state, about) {
  const decoder = about.decoders.includes(state.decoder) ? state.decoder : about.decoders[0];
  return { decoder, sharpen: state.sharpen, sampler: state.sampler };
}

/** The look of one face and of a mix. */
export function look(state, about) {
  const { radius, ...sampler } = state.sampler;
  return { ...gridLook(state, about), sampler };
}

/** The points (engine.js) of the grid. */
export function gridPoints(state, first, count) {
  return Array.from({ length: count }, (_, i) => ({
    source: { seed: state.seed, row: first + i },
  }));
}

/** The point of the one face. */
export function facePoint(state, about) {
  const known = new Set(about.directions.map((direction) => direction.name));
  const moved = Object.entries(state.attribute).filter(([name]) => known.has(name));
  const attribute = Object.fromEntries(moved);
  const without = state.without.filter((name) => known.has(name) && !(name in attribute));
  return {
    source: state.source,
    attribute,
    without: moved.length ? without : [],
    radius: state.radius ?? shellOf(state, [state.source]),
  };
}

/** The point of the mix, or of another place in its square. */
export function mixPoint(state, at = state.at) {
  return {
    corners: state.corners,
    at: state.corners.length === 2 ? [at[0], 0] : at,
    radius: shellOf(state, state.corners),
  };
}

/** The radius that a grid on a shell gives to faces of a seed; null where others are among them. */
function shellOf(state, sources) {
  return sources.every((source) => "seed" in source) ? (state.sampler.radius ?? null) : null;
}
