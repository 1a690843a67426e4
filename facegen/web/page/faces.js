/* The grid: faces of a seed. */

import { button, choice, make, slider } from "./elements.js";
import { newest, paint } from "./pictures.js";
import { gridLook, gridPoints, MOST_FACES, sameSource } from "./state.js";

const STEP = 28; // faces of a request, and of "More"
const SEEDS = 1e9; // as many as `facegen generate` draws from

/** The ways to choose points: a name, the values of its slider, and what it asks for. */
function ways(about) {
  const { low, middle, high } = about.radii;
  const percentiles = (value) => ({ radius_percentile: value });
  return [
    { key: "normal", name: "Normal", make: () => ({}) },
    { key: "truncation", name: "Truncated", least: 0.05, most: 1, usual: 0.7, step: 0.01 },
    { key: "radius", name: "On a shell", least: 1, most: round(2 * high), usual: middle, step: 0.1 },
    about.percentiles && {
      key: "radius_percentile",
      name: "Radii of faces",
      make: (value) => percentiles(value ?? [5, 95]),
    },
    { key: "r_limit", name: "In a cube", least: 0.1, most: 8, usual: 2.5, step: 0.1 },
    { key: "sigma", name: "Wider normal", least: 0.1, most: 3, usual: 1.3, step: 0.05 },
    about.fitted && { key: "fitted", name: "Fitted", make: () => ({ fitted: true }) },
  ].filter(Boolean);
}

const round = (value) => Math.round(value * 10) / 10;

export function facesView(page) {
  const { about, engine } = page;
  const tiles = [];
  const grid = make("div", { class: "grid", role: "group", "aria-label": "Faces" });
  const more = button("More faces", () => page.change({ n: page.state.n + STEP }));

  const seed = make("input", {
    type: "number",
    min: 0,
    step: 1,
    "aria-label": "Seed",
    change: () => {
      if (Number.isSafeInteger(seed.valueAsNumber) && seed.valueAsNumber >= 0) {
        page.change({ seed: seed.valueAsNumber });
      } else seed.value = page.state.seed;
    },
  });
  const fresh = button("New seed", () =>
    page.change({ seed: Math.floor(Math.random() * SEEDS) }),
  );

  const kinds = ways(about);
  const way = make("select", {
    "aria-label": "Sampler",
    change: () => {
      const kind = kinds.find(({ key }) => key === way.value);
      page.change({ sampler: kind.make ? kind.make() : { [kind.key]: kind.usual } });
    },
  });
  way.append(...kinds.map(({ key, name }) => make("option", { value: key }, name)));
  const extents = Object.fromEntries(
    kinds
      .filter((kind) => kind.least !== undefined)
      .map((kind) => [
        kind.key,
        slider({
          name: kind.name,
          ...kind,
          move: (value, done) => page.change({ sampler: { [kind.key]: value } }, done),
        }),
      ]),
  );
  const extent = make("div", { class: "extent" });

  const looks = lookControls(page);
  const element = make(
    "section",
    { class: "faces" },
    make(
      "div",
      { class: "bar" },
      make("label", {}, "Seed", seed),
      fresh,
      make("label", {}, "Points", way),
      extent,
      ...looks.rows,
    ),
    grid,
    make("div", { class: "end" }, more),
  );

  function tile(row) {
    const canvas = make("canvas", { width: 1, height: 1 });
    const face = button(
      canvas,
      () => page.change({ view: "face", source: { seed: page.state.seed, row }, radius: null }),
      { class: "face", "aria-label": `Face ${row}` },
    );
    const add = button("+", () => addCorner(page, { seed: page.state.seed, row }), {
      class: "add",
      "aria-label": `Add face ${row} to the mix`,
      title: "Add to the mix",
    });
    const element = make("div", { class: "tile" }, face, add);
    return { element, canvas, face };
  }

  grid.addEventListener("keydown", (event) => {
    const at = tiles.findIndex(({ face }) => face === event.target);
    if (at < 0) return;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    tiles[Math.min(page.state.n - 1, Math.max(0, at + by))]?.face.focus();
  });

  let shown = ""; // what the tiles show, as text
  const decode = newest(async (state) => {
    const look = gridLook(state, about);
    const text = JSON.stringify([state.seed, look]);
    let first = text === shown ? tiles.filter(({ done }) => done).length : 0;
    shown = text;
    for (; first < state.n; first += STEP) {
      if (text !== JSON.stringify([page.state.seed, gridLook(page.state, about)])) return;
      const count = Math.min(STEP, state.n - first);
      const pictures = await engine.faces(gridPoints(state, first, count), look);
      pictures.forEach((picture, i) => {
        paint(tiles[first + i].canvas, picture);
        tiles[first + i].done = true;
      });
    }
    grid.dataset.painted = text; // for whoever waits for it
  }, page.fail);

  return {
    element,
    show(state) {
      if (document.activeElement !== seed) seed.value = state.seed;
      const { fitted, ...rest } = state.sampler;
      const key = Object.keys(rest)[0] ?? (fitted ? "fitted" : "normal");
      way.value = key;
      const control = extents[key];
      if (control) control.show(state.sampler[key]);
      if (extent.firstChild !== (control?.row ?? null)) {
        extent.replaceChildren(...(control ? [control.row] : []));
      }
      looks.show(state);
      while (tiles.length < state.n) {
        tiles.push(tile(tiles.length));
        grid.append(tiles.at(-1).element);
      }
      while (tiles.length > state.n) tiles.pop().element.remove();
      more.hidden = state.n >= MOST_FACES;
      decode({ ...state });
    },
  };
}

/** Puts a source into the mix: in the place of the oldest that nobody has chosen, else the last. */
export function addCorner(page, source) {
  const { corners } = page.state;
  const chosen = page.chosen ?? 0; // corners that were put there
  if (corners.slice(0, chosen).some((corner) => sameSource(corner, source))) {
    return page.tell("It is in the mix already.");
  }
  const place = Math.min(chosen, corners.length - 1);
  const changed = corners.map((corner, i) => (i === place ? source : corner));
  page.chosen = Math.min(corners.length, place + 1);
  page.change({ corners: changed });
  return page.tell(`In the mix: corner ${place + 1} of ${corners.length}.`);
}

/** Controls for what all views share: decoder and sharpening. */
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
