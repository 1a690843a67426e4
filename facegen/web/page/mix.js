/* The mix: a pad whose corners are faces, and the face at a place in it. */

import { button, choice, make } from "./elements.js";
import { sourceTitle } from "./face.js";
import { lookControls } from "./faces.js";
import { newest, paint } from "./pictures.js";
import { look, mixPoint, short } from "./state.js";

const FIELD = 7; // faces each way, as a ground for the pad
const SCALE = 5;
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const STEP = 0.05; // of an arrow key; with Shift a fifth of it
const PLACES = ["upper left", "upper right", "lower left", "lower right"];

export function mixView(page) {
  const { about, engine } = page;
  const canvas = make("canvas", { class: "large", width: 1, height: 1 });
  const facts = make("p", { class: "facts" });
  const field = make("div", { class: "field", "aria-hidden": "true" });
  const handle = make("div", { class: "handle" });
  const pad = make(
    "div",
    { class: "pad", tabindex: 0, role: "slider", "aria-label": "Place between the corners" },
    field,
    handle,
  );
  const corners = make("div", { class: "corners" });
  const count = choice("Corners", [[2, "Two"], [4, "Four"]], (value) => {
    const kept = page.state.corners.slice(0, value);
    const rows = [0, 1, 2, 3].map((row) => ({ seed: page.state.seed, row }));
    while (kept.length < value) kept.push(rows[kept.length]);
    page.change({ corners: kept });
  });
  const looks = lookControls(page);
  const element = make(
    "section",
    { class: "mix" },
    make(
      "div",
      { class: "left" },
      make(
        "div",
        { class: "portrait" },
        make("div", { class: "frame" }, canvas),
        make("div", { class: "under" }, make("h1", {}, "Mix"), facts),
      ),
    ),
    make(
      "div",
      { class: "knobs" },
      pad,
      corners,
      make("div", { class: "group" }, count.row, ...looks.rows),
    ),
  );

  const share = (number) => Math.min(1, Math.max(0, Math.round(number * 1000) / 1000));
  const to = (u, v, done) => {
    const flat = page.state.corners.length === 2;
    page.change({ at: [share(u), flat ? 0 : share(v)] }, done);
  };
  const drag = (event, done) => {
    const box = pad.getBoundingClientRect();
    to((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, done);
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pad.setPointerCapture(event.pointerId);
    pad.focus({ preventScroll: true });
    drag(event, false);
    event.preventDefault();
  });
  pad.addEventListener("pointermove", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) drag(event, false);
  });
  pad.addEventListener("pointerup", (event) => {
    if (pad.hasPointerCapture(event.pointerId)) drag(event, true);
  });
  pad.addEventListener("keydown", (event) => {
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    const step = event.shiftKey ? STEP / 5 : STEP;
    to(page.state.at[0] + step * way[0], page.state.at[1] + step * way[1], true);
  });

  const decode = newest(async (state) => {
    const [picture] = await engine.faces([mixPoint(state)], look(state, about));
    paint(canvas, picture, SCALE);
    canvas.dataset.painted = state.at.join(",");
    facts.textContent = `radius ${short(picture.radius, 1)}`;
  }, page.fail);

  let ground = ""; // what the field shows, as text
  const decodeField = newest(async (state) => {
    const text = JSON.stringify([state.corners, look(state, about)]);
    if (text === ground) return;
    const rows = state.corners.length === 2 ? 1 : FIELD;
    const places = Array.from({ length: rows * FIELD }, (_, i) => [
      (i % FIELD) / (FIELD - 1),
      rows === 1 ? 0 : Math.floor(i / FIELD) / (FIELD - 1),
    ]);
    const points = places.map((at) => mixPoint(state, at));
    const pictures = await engine.faces(points, look(state, about));
    field.replaceChildren(
      ...pictures.map((picture) => {
        const one = make("canvas", { width: 1, height: 1 });
        paint(one, picture, 1);
        return one;
      }),
    );
    const last = pictures.length - 1;
    const ends = rows === 1 ? [0, last] : [0, FIELD - 1, last - FIELD + 1, last];
    showCorners(state, ends.map((i) => pictures[i]));
    ground = text;
  }, page.fail);

  function showCorners(state, pictures) {
    corners.replaceChildren(
      ...state.corners.map((source, i) => {
        const face = make("canvas", { width: 1, height: 1 });
        paint(face, pictures[i], 1);
        const place = state.corners.length === 2 ? ["left", "right"][i] : PLACES[i];
        return make(
          "div",
          { class: "corner" },
          button(face, () => page.change({ view: "face", source, radius: null }), {
            class: "face",
            "aria-label": `${sourceTitle(source)}, ${place}`,
          }),
          make("span", {}, sourceTitle(source)),
          button("Another", () => another(i), { "aria-label": `Another face ${place}` }),
        );
      }),
    );
  }

  function another(i) {
    const row = Math.floor(Math.random() * 1e6);
    const changed = page.state.corners.map((corner, k) =>
      k === i ? { seed: page.state.seed, row } : corner,
    );
    page.change({ corners: changed });
  }

  return {
    element,
    show(state) {
      const flat = state.corners.length === 2;
      const [u, v] = flat ? [state.at[0], 0.5] : state.at;
      pad.classList.toggle("flat", flat);
      handle.style.left = `${100 * u}%`;
      handle.style.top = `${100 * v}%`;
      pad.setAttribute("aria-valuenow", short(100 * u, 0));
      pad.setAttribute(
        "aria-valuetext",
        flat ? `${short(100 * u, 0)} % to the right` : `${short(100 * u, 0)} % to the right, ` +
          `${short(100 * v, 0)} % down`,
      );
      count.show(state.corners.length);
      looks.show(state);
      decode({ ...state });
      decodeField({ ...state });
    },
  };
}
