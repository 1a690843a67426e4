/* The command line that makes what the page shows. */

import { facePoint, gridLook, look, mixPoint, short, sourceName } from "./state.js";

export const ROWS_FILE = "rows.txt"; // which "Download" gives, for commands that would be too long
const LONGEST = 7000; // letters of a list of rows: a line of Windows takes 8,191 in all

/** A word as a shell reads it. */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Row numbers as --rows takes them: 3,17,20-40. */
export function formatRows(rows) {
  const parts = [];
  for (let i = 0; i < rows.length; ) {
    let end = i;
    while (end + 1 < rows.length && rows[end + 1] === rows[end] + 1) end++;
    if (end > i + 1) parts.push(`${rows[i]}-${rows[end]}`);
    else for (let k = i; k <= end; k++) parts.push(String(rows[k]));
    i = end + 1;
  }
  return parts.join(",");
}

function samplerWords(sampler, about) {
  const words = [];
  if (sampler.fitted) words.push("--sampler", about.files.sampler);
  for (const name of ["sigma", "r_limit", "radius", "truncation"]) {
    if (sampler[name] !== undefined) words.push(`--${name.replace("_", "-")}`, short(sampler[name]));
  }
  if (sampler.radius_percentile) {
    words.push("--radius-percentile", sampler.radius_percentile.map((n) => short(n)).join("-"));
  }
  return words;
}

function lookWords(shown, about) {
  const words = [];
  if (shown.sharpen !== null) words.push("--sharpen", short(shown.sharpen));
  if (shown.decoder !== about.decoders[0]) words.push("--decoder", shown.decoder);
  if (about.files.weights) words.push("--weights", about.files.weights);
  return words;
}

function editWords(point, about) {
  const words = [];
  const amounts = Object.entries(point.attribute ?? {});
  if (point.radius !== null) words.push("--radius", short(point.radius));
  if (amounts.length) {
    words.push("--attribute", amounts.map(([name, n]) => `${name}=${short(n)}`).join(","));
    if (point.without.length) words.push("--without", point.without.join(","));
    if (about.files.attributes) words.push("--attributes", about.files.attributes);
  }
  return words;
}

/** The sampler's words, where a seed is among the sources that they choose. */
function seedWords(sources, shown, about) {
  return sources.some((source) => "seed" in source) ? samplerWords(shown.sampler, about) : [];
}

function facesWords(state, about) {
  const shown = gridLook(state, about);
  return [
    ...["generate", "--n", String(state.n), "--seed", String(state.seed)],
    ...samplerWords(shown.sampler, about),
    ...lookWords(shown, about),
    ...["-o", "faces.png"],
  ];
}

function faceWords(state, about) {
  const shown = look(state, about);
  const point = facePoint(state, about);
  return [
    ...["edit", sourceName(point.source, about.files), "--single"],
    ...seedWords([point.source], shown, about),
    ...editWords(point, about),
    ...lookWords(shown, about),
    ...["-o", "face.png"],
  ];
}

function mixWords(state, about) {
  const shown = look(state, about);
  const point = mixPoint(state);
  const at = point.at.slice(0, point.corners.length / 2).map((share) => short(share));
  return [
    ...["morph", ...point.corners.map((corner) => sourceName(corner, about.files))],
    ...["--mix", at.join(",")],
    ...seedWords(point.corners, shown, about),
    ...editWords(point, about),
    ...lookWords(shown, about),
    ...["-o", "mix.png"],
  ];
}

/** What makes the faces of the lasso; else a map, or shows the one that was given. */
function mapWords(state, about, rows, kind) {
  const { latents } = about.files;
  if (rows?.length) {
    return [
      ...["generate", "--latents", latents, "--points", "mu"],
      ...["--rows", listed(rows) ?? "-"],
      ...lookWords(look(state, about), about),
      ...["-o", "some.png"],
    ];
  }
  const given = ["map", "faces", "weights"].filter((name) => about.files[name]);
  const others = given.flatMap((name) => [`--${name}`, about.files[name]]);
  if (!kind || kind === "file") return ["explore", "--latents", latents, ...others];
  const colour = about.labels.includes(state.map.colour) ? ["--colour", state.map.colour] : [];
  return ["analyze", kind, latents, ...colour, "--csv", "places.csv", "-o", "map.png"];
}

/** Rows as a command takes them; null if they are too many for one. */
function listed(rows) {
  const text = formatRows(rows);
  return text.length <= LONGEST ? text : null;
}

/**
 * The command of a state; `rows` are those that the lasso holds, `kind` is that of the map that is
 * shown, or null. "" where there is none, since the state names what isn't there.
 */
export function spell(state, about, rows, kind) {
  const spelled = { faces: facesWords, face: faceWords, mix: mixWords, map: mapWords };
  const words = spelled[state.view](state, about, rows, kind);
  if (words.includes(null)) return "";
  const many = state.view === "map" && rows?.length && listed(rows) === null;
  return ["facegen", ...words].map(quote).join(" ") + (many ? ` < ${ROWS_FILE}` : "");
}
