/* One face, large, and what changes it. */

import { button, make, slider } from "./elements.js";
import { addCorner, lookControls } from "./faces.js";
import { newest, paint } from "./pictures.js";
import { facePoint, look, short } from "./state.js";

const SCALE = 5; // of the large picture: smooth on screens with fine pixels, too
const FIRST = 12; // labels that are shown at once; the others are a click away

/** What a source is, for people. */
export function sourceTitle(source) {
  if ("photo" in source) return source.name;
  if ("stored" in source) return `Row ${source.stored}`;
  return `Seed ${source.seed}, face ${source.row}`;
}

export function faceView(page) {
  const { about, engine } = page;
  const canvas = make("canvas", { class: "large", width: 1, height: 1 });
  const original = make("canvas", { class: "large original", width: 1, height: 1, hidden: true });
  const title = make("h1", {});
  const facts = make("p", { class: "facts" });
  const compare = hold("Hold to see the photo", (held) => (original.hidden = !held));
  let radius = about.radii.middle; // of the face by itself

  const far = slider({
    name: "Radius",
    title: "The distance from the origin: nearer faces are more average, farther ones break up",
    least: 0.1,
    most: Math.ceil(1.6 * about.radii.high),
    step: 0.1,
    usual: radius,
    digits: 1,
    move: (value, done) =>
      page.change({ radius: Math.abs(value - radius) < 0.051 ? null : Math.max(value, 0.01) }, done),
  });
  const looks = lookControls(page);
  const labels = directions(page, "label");
  const components = directions(page, "component");

  const again = button("As it came", () =>
    page.change({ attribute: {}, without: [], radius: null }),
  );
  const another = button("Next face", () => step(1));
  const before = button("Previous face", () => step(-1));
  const step = (by) => {
    const { source } = page.state;
    const key = "stored" in source ? "stored" : "row";
    const last = key === "stored" ? about.stored - 1 : Number.MAX_SAFE_INTEGER;
    page.change({ source: { ...source, [key]: Math.min(last, Math.max(0, source[key] + by)) } });
  };

  const element = make(
    "section",
    { class: "one" },
    make(
      "div",
      { class: "left" },
      make(
        "div",
        { class: "portrait" },
        make("div", { class: "frame" }, canvas, original),
        make("div", { class: "under" }, title, facts),
      ),
      make(
        "div",
        { class: "buttons" },
        before,
        another,
        again,
        button("Add to the mix", () => addCorner(page, page.state.source)),
        compare,
      ),
    ),
    make(
      "div",
      { class: "knobs" },
      make("div", { class: "group" }, far.row, ...looks.rows),
      labels.element,
      components.element,
    ),
  );

  const decode = newest(async (state) => {
    const [picture] = await engine.faces([facePoint(state, about)], look(state, about));
    paint(canvas, picture, SCALE);
    canvas.dataset.painted = JSON.stringify(facePoint(state, about));
    radius = picture.radius;
    facts.textContent = `radius ${short(state.radius ?? radius, 1)}`;
    far.setUsual(radius);
    far.show(state.radius ?? radius);
  }, page.fail);

  let known = ""; // whose original is on the canvas
  const showOriginal = newest(async (source) => {
    const has = "photo" in source || ("stored" in source && about.originals);
    compare.hidden = !has;
    if (!has || known === JSON.stringify(source)) return;
    const picture = await engine.original(source);
    if (picture) paint(original, picture, SCALE);
    known = JSON.stringify(source);
  }, page.fail);

  return {
    element,
    show(state) {
      title.textContent = sourceTitle(state.source);
      before.hidden = another.hidden = "photo" in state.source;
      const { attribute, without } = state;
      again.disabled = !Object.keys(attribute).length && !without.length && state.radius === null;
      looks.show(state);
      labels.show(state);
      components.show(state);
      decode({ ...state });
      showOriginal(state.source);
    },
  };
}

/** A button that works while it is held, by pointer or key. */
function hold(text, act) {
  const element = button(text, () => {});
  const start = () => act(true);
  const end = () => act(false);
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    start();
  });
  for (const name of ["pointerup", "pointercancel", "blur", "keyup"]) {
    element.addEventListener(name, end);
  }
  element.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") start();
  });
  return element;
}

/** A slider for each direction of a kind, the strongest first. */
function directions(page, kind) {
  const found = page.about.directions.filter((direction) => direction.kind === kind);
  const rows = found.map((direction) => directionRow(page, direction));
  const list = make("div", { class: "sliders" }, ...rows.map(({ control }) => control.row));
  const search = make("input", {
    type: "search",
    placeholder: "Find a label",
    "aria-label": "Find a label",
    input: () => narrow(),
  });
  let all = found.length <= FIRST + 2;
  const more = button(`All ${found.length}`, () => {
    all = !all;
    narrow();
  });
  const title = kind === "label" ? "Labels" : "Directions without labels";
  const element = make(
    "div",
    { class: "group", hidden: found.length === 0 },
    make("div", { class: "heading" }, make("h2", {}, title), kind === "label" && found.length > FIRST ? search : null),
    list,
    make("div", { class: "end" }, more),
  );

  function narrow() {
    const text = search.value.trim().toLowerCase();
    const { attribute, without } = page.state;
    rows.forEach(({ name, control }, i) => {
      const used = name in attribute || without.includes(name);
      const near = name.toLowerCase().replaceAll("_", " ").includes(text.replaceAll("_", " "));
      control.row.hidden = text ? !near : !(all || used || i < FIRST);
    });
    more.textContent = all ? "Fewer" : `All ${found.length}`;
    more.hidden = found.length <= FIRST + 2 || text !== "";
  }

  return {
    element,
    show(state) {
      for (const row of rows) row.show(state);
      narrow();
    },
  };
}

function directionRow(page, { name, strength, like }) {
  const keep = button(
    "without",
    () => {
      const { without, attribute } = page.state;
      const { [name]: _, ...rest } = attribute;
      const out = without.includes(name);
      page.change({
        attribute: rest,
        without: out ? without.filter((other) => other !== name) : [...without, name],
      });
    },
    {
      class: "without",
      title: `Move along the others without what they have of ${name.replaceAll("_", " ")}`,
    },
  );
  const control = slider({
    name,
    least: -strength,
    most: strength,
    step: strength / 60,
    usual: 0,
    extra: keep,
    like,
    move(value, done) {
      const { [name]: _, ...rest } = page.state.attribute;
      const amount = Math.min(100, Math.max(-100, value));
      page.change({ attribute: amount ? { ...rest, [name]: amount } : rest }, done);
    },
  });
  return {
    name,
    control,
    show(state) {
      const out = state.without.includes(name);
      control.show(state.attribute[name] ?? 0);
      control.range.disabled = out;
      keep.setAttribute("aria-pressed", String(out));
      keep.setAttribute("aria-label", `Without ${name}`);
    },
  };
}
