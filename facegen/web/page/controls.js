/* Controls that more than one view has: which points, and how their faces look. */

import { button, choice, make, slider } from "./elements.js";
import { reseeded } from "./state.js";

const SEEDS = 1e9; // as many as `facegen generate` draws from

/** A field for the seed, and a button for another one. */
export function seedControls(page) {
  const change = (seed) => page.change(reseeded(page.state, seed));
  const field = make("input", {
    type: "number",
    min: 0,
    step: 1,
    "aria-label": "Seed",
    change: () => {
      const seed = field.valueAsNumber;
      if (Number.isSafeInteger(seed) && seed >= 0) change(seed);
      else field.value = page.state.seed;
    },
  });
  const fresh = button("New seed", () => change(Math.floor(Math.random() * SEEDS)));
  const show = (state) => {
    if (document.activeElement !== field) field.value = state.seed;
  };
  return { rows: [make("label", {}, "Seed", field), fresh], show };
}

const round = (value) => Math.round(value * 10) / 10;

/** The ways to choose points: a name, and the ends of its slider or what it asks for. */
function ways({ radii, percentiles, fitted }) {
  const most = round(2 * radii.high);
  return [
    { key: "normal", name: "Normal", sampler: {} },
    { key: "truncation", name: "Truncated", least: 0.05, most: 1, usual: 0.7, step: 0.01 },
    { key: "radius", name: "On a shell", least: 1, most, usual: radii.middle, step: 0.1 },
    percentiles && {
      key: "radius_percentile",
      name: "Radii of faces",
      sampler: { radius_percentile: [5, 95] },
    },
    { key: "r_limit", name: "In a cube", least: 0.1, most: 8, usual: 2.5, step: 0.1 },
    { key: "sigma", name: "Wider normal", least: 0.1, most: 3, usual: 1.3, step: 0.05 },
    fitted && { key: "fitted", name: "Fitted", sampler: { fitted: true } },
  ].filter(Boolean);
}

/** A list of the samplers, and the slider of the one that is chosen. */
export function samplerControls(page) {
  const kinds = ways(page.about);
  const change = (key, value, done) => page.change({ sampler: { [key]: value } }, done);
  const list = make("select", {
    "aria-label": "Sampler",
    change: () => {
      const { key, sampler, usual } = kinds.find((kind) => kind.key === list.value);
      page.change({ sampler: sampler ?? { [key]: usual } });
    },
  });
  list.append(...kinds.map(({ key, name }) => make("option", { value: key }, name)));
  const withSlider = kinds.filter((kind) => !kind.sampler);
  const sliders = new Map(
    withSlider.map((kind) => [
      kind.key,
      slider({ ...kind, move: (value, done) => change(kind.key, value, done) }),
    ]),
  );
  const extent = make("div", { class: "extent" });
  const show = ({ sampler }) => {
    const { fitted, ...rest } = sampler;
    const key = Object.keys(rest)[0] ?? (fitted ? "fitted" : "normal");
    list.value = key;
    const control = sliders.get(key);
    control?.show(sampler[key]);
    const row = control?.row ?? null;
    if (extent.firstChild !== row) extent.replaceChildren(...(row ? [row] : []));
  };
  return { rows: [make("label", {}, "Points", list), extent], show };
}

/** Decoder and sharpness. */
export function lookControls(page) {
  const { decoders } = page.about;
  const decoder = choice(
    "Decoder",
    decoders.map((name) => [name, name[0].toUpperCase() + name.slice(1)]),
    (name) => page.change({ decoder: name === decoders[0] ? null : name }),
  );
  const sharpen = slider({
    name: "Sharpness",
    least: 0,
    most: 8,
    step: 0.1,
    usual: 1,
    digits: 1,
    move: (value, done) => page.change({ sharpen: value === 1 ? null : value }, done),
  });
  return {
    rows: [...(decoders.length > 1 ? [decoder.row] : []), sharpen.row],
    show(state) {
      decoder.show(decoders.includes(state.decoder) ? state.decoder : decoders[0]);
      sharpen.show(state.sharpen ?? 1);
    },
  };
}
