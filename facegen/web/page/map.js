/* The map of a store: its rows as points, a face under the pointer, a lasso that gives rows. */

import { button, choice, make } from "./elements.js";
import { formatRows } from "./command.js";
import { newest, paint } from "./pictures.js";
import { Plot } from "./plot.js";
import { look } from "./state.js";

const REACH = 14; // pixels of the screen from the pointer to a point
const WAIT = 700; // milliseconds between two looks at a map that is being made
const NAMES = { pca: "Principal components", tsne: "t-SNE" };
const MOST_ZOOM = 200;
const LASSO_STEP = 6; // pixels of the screen between two corners of a lasso
const MOST_CORNERS = 200;

export function mapView(page) {
  const { about, engine } = page;
  const points = make("canvas", { class: "points" });
  const over = make("canvas", { class: "over" });
  const stage = make(
    "div",
    {
      class: "stage",
      tabindex: 0,
      role: "application",
      "aria-label": "Map: arrow keys move, plus and minus zoom, Enter opens the face in the middle",
    },
    points,
    over,
  );
  const offer = make("div", { class: "offer" });
  const face = make("canvas", { width: 1, height: 1 });
  const photo = make("canvas", { width: 1, height: 1 });
  const told = make("p", { class: "facts" });
  const card = make(
    "div",
    { class: "card", hidden: true },
    make("div", { class: "pair" }, face, about.originals ? photo : null),
    told,
  );
  const hint = make("p", { class: "facts" }, "Point at a place on the map: its face appears here.");
  const colours = make("select", {
    "aria-label": "Colour",
    change: () => setMap({ colour: colours.value || null }),
  });
  colours.append(make("option", { value: "" }, "No colour"));
  for (const name of about.labels) {
    colours.append(make("option", { value: name }, name.replaceAll("_", " ")));
  }
  const legend = make("p", { class: "legend" });
  const mode = choice("Pointer", [["move", "Move"], ["lasso", "Lasso"]], (value) => setMode(value));
  const clear = button("Clear", () => setMap({ lasso: null }));
  const chosen = make("p", { class: "facts" });
  const rowsButton = button("Copy the rows", () => copyRows().catch(page.fail));
  const whole = button("Show all", () => setMap({ x: 0, y: 0, zoom: 1 }));
  const element = make(
    "section",
    { class: "map" },
    make("div", { class: "canvas" }, stage, offer),
    make(
      "div",
      { class: "side" },
      hint,
      card,
      make("div", { class: "buttons" }, mode.row, whole),
      make("div", { class: "buttons" }, colours),
      legend,
      chosen,
      make("div", { class: "buttons" }, rowsButton, clear),
    ),
  );

  const plot = new Plot(points);
  let rows = null; // Uint32Array of the points
  let under = -1; // the point that is shown on the card
  let drawing = null; // the lasso that is being drawn
  let pointerMode = "move";

  function setMap(part, done = true) {
    page.change({ map: { ...page.state.map, ...part } }, done);
  }

  function setMode(value) {
    pointerMode = value;
    mode.show(value);
    stage.classList.toggle("lasso", value === "lasso");
  }

  // The map itself: there, or to be made.

  async function load() {
    const status = await engine.map.status();
    if (status.state === "ready") {
      page.mapKind = status.kind;
      const found = await engine.map.points();
      rows = found.rows;
      plot.setPoints(found.x, found.y);
      offer.hidden = true;
      coloured = "";
      page.render();
      return;
    }
    offer.hidden = false;
    if (status.state === "running") {
      const share = status.kind === "pca" ? `, ${Math.round(100 * status.share)} %` : "";
      const bar = make("progress", status.kind === "pca" ? { value: status.share, max: 1 } : {});
      offer.replaceChildren(
        make("p", {}, `${NAMES[status.kind]}: ${Math.round(status.seconds)} s${share}`),
        bar,
      );
      setTimeout(() => load().catch(page.fail), WAIT);
      return;
    }
    const start = (kind) => async () => {
      await engine.map.start(kind);
      await load();
    };
    offer.replaceChildren(
      make("p", {}, status.error ?? `${about.stored.toLocaleString("en")} faces have no map yet.`),
      ...status.kinds.map((kind) =>
        button(
          `${NAMES[kind]}: ${kind === "pca" ? "seconds" : "minutes, and it finds islands"}`,
          () => start(kind)().catch(page.fail),
        ),
      ),
    );
  }

  // Colours.

  let coloured = ""; // the label that `plot.inks` are of
  const setInks = newest(async (name) => {
    if (name === coloured && plot.inks) return;
    const values = name ? await engine.map.colour(name) : null;
    plot.inks = values && Uint8Array.from(values, (value) => (value > 0 ? 1 : value < 0 ? 2 : 0));
    coloured = name;
    legend.replaceChildren();
    if (values) {
      const count = (wanted) => values.reduce((sum, value) => sum + (value === wanted), 0);
      legend.append(
        make("span", { class: "yes" }, `${name.replaceAll("_", " ")} ${count(1).toLocaleString("en")}`),
        make("span", { class: "no" }, `without ${count(-1).toLocaleString("en")}`),
      );
    }
    redraw();
  }, page.fail);

  function readPalette() {
    const style = getComputedStyle(document.documentElement);
    plot.palette = ["--dot", "--yes", "--no"].map((name) => {
      const hex = style.getPropertyValue(name).trim();
      return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
    });
  }

  // Drawing: once a frame at most.

  let due = false;
  function redraw() {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      fit();
      if (rows) plot.draw();
      drawOver();
    });
  }

  function fit() {
    const box = stage.getBoundingClientRect();
    const ratio = Math.min(2, devicePixelRatio || 1);
    const [width, height] = [box.width, box.height].map((side) => Math.round(side * ratio));
    for (const canvas of [points, over]) {
      if (width && (canvas.width !== width || canvas.height !== height)) {
        canvas.width = width;
        canvas.height = height;
      }
    }
    plot.ratio = ratio;
  }

  function drawOver() {
    const context = over.getContext("2d");
    const style = getComputedStyle(stage);
    context.clearRect(0, 0, over.width, over.height);
    context.strokeStyle = style.color;
    context.lineWidth = 2;
    const polygon = drawing ?? page.state.map.lasso;
    if (polygon) {
      context.beginPath();
      for (let i = 0; i < polygon.length; i += 2) {
        context.lineTo(...plot.toCanvas(polygon[i], polygon[i + 1]));
      }
      if (!drawing) context.closePath();
      context.stroke();
    }
    if (under >= 0) {
      context.beginPath();
      context.arc(...plot.toCanvas(plot.x[under], plot.y[under]), 8, 0, 7);
      context.stroke();
    }
  }

  // The face under the pointer.

  const showFace = newest(async (i, state) => {
    const source = { stored: rows[i] };
    const wanted = [engine.faces([{ source }], look(state, about))];
    if (about.originals) wanted.push(engine.original(source).then((picture) => [picture]));
    const [[made], kept] = await Promise.all(wanted);
    paint(face, made);
    if (kept) paint(photo, kept[0]);
    told.textContent = about.originals ? `Row ${rows[i]}, and its photo` : `Row ${rows[i]}`;
    card.dataset.row = rows[i];
    card.hidden = false;
    hint.hidden = true;
  }, page.fail);

  function hover(i) {
    if (i === under) return;
    under = i;
    if (i >= 0) showFace(i, page.state);
    redraw();
  }

  const open = (i) => {
    if (i >= 0) page.change({ view: "face", source: { stored: rows[i] }, radius: null });
  };

  // Pointers: one moves or draws, two zoom.

  const held = new Map();
  const place = (event) => {
    const box = stage.getBoundingClientRect();
    const ratio = points.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio, ratio];
  };
  let moved = 0;

  stage.addEventListener("pointerdown", (event) => {
    if (!rows || event.button !== 0) return;
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    held.set(event.pointerId, [x, y]);
    moved = 0;
    drawing = (pointerMode === "lasso") !== event.shiftKey && held.size === 1 ? plot.toMap(x, y) : null;
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (!rows) return;
    const [x, y, ratio] = place(event);
    const before = held.get(event.pointerId);
    if (!before) return hover(plot.nearest(x, y, REACH * ratio));
    const step = Math.hypot(x - before[0], y - before[1]);
    if (drawing) {
      if (step < LASSO_STEP * ratio) return;
      if (drawing.length < 2 * MOST_CORNERS) drawing.push(...plot.toMap(x, y));
    } else if (held.size === 2) {
      pinch(event.pointerId, [x, y]);
    } else {
      pan(before[0] - x, before[1] - y);
    }
    moved += step;
    held.set(event.pointerId, [x, y]);
    redraw();
  });
  const release = (event) => {
    if (!held.delete(event.pointerId)) return;
    const [x, y, ratio] = place(event);
    if (drawing && drawing.length >= 6) {
      setMap({ lasso: drawing.map((number) => Math.round(number * 1000) / 1000) });
    } else if (moved < 5 * ratio && event.type === "pointerup") {
      const i = plot.nearest(x, y, REACH * ratio);
      if (event.pointerType === "mouse" || i === under) open(i);
      else hover(i); // a finger shows first, and opens with the second touch
    } else if (!held.size) settle();
    drawing = null;
    redraw();
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);

  function pan(dx, dy) {
    plot.view.x += dx / plot.scale;
    plot.view.y += dy / plot.scale;
  }

  function zoom(factor, px, py) {
    const [x, y] = plot.toMap(px, py);
    plot.view.zoom = Math.min(MOST_ZOOM, Math.max(0.5, plot.view.zoom * factor));
    const [nx, ny] = plot.toMap(px, py);
    plot.view.x += x - nx;
    plot.view.y += y - ny;
  }

  function pinch(id, [x, y]) {
    const [other] = [...held].filter(([key]) => key !== id).map(([, at]) => at);
    const [px, py] = held.get(id);
    const before = Math.hypot(px - other[0], py - other[1]);
    const now = Math.hypot(x - other[0], y - other[1]);
    if (before > 0) zoom(now / before, (x + other[0]) / 2, (y + other[1]) / 2);
  }

  let settling = 0;
  function settle() {
    const round = (number) => Math.round(number * 1000) / 1000;
    setMap({ x: round(plot.view.x), y: round(plot.view.y), zoom: round(plot.view.zoom) });
  }
  const settleSoon = () => {
    clearTimeout(settling);
    settling = setTimeout(settle, 400);
  };

  stage.addEventListener(
    "wheel",
    (event) => {
      if (!rows) return;
      event.preventDefault();
      const [x, y] = place(event);
      zoom(Math.exp(-Math.sign(event.deltaY) * Math.min(0.4, Math.abs(event.deltaY) / 300)), x, y);
      settleSoon();
      redraw();
    },
    { passive: false },
  );
  stage.addEventListener("keydown", (event) => {
    if (!rows) return;
    const [middle, height] = [points.width / 2, points.height / 2];
    const step = points.width / 12;
    const acts = {
      ArrowLeft: () => pan(-step, 0),
      ArrowRight: () => pan(step, 0),
      ArrowUp: () => pan(0, -step),
      ArrowDown: () => pan(0, step),
      "+": () => zoom(1.4, middle, height),
      "=": () => zoom(1.4, middle, height),
      "-": () => zoom(1 / 1.4, middle, height),
      0: () => Object.assign(plot.view, { x: 0, y: 0, zoom: 1 }),
      Enter: () => open(plot.nearest(middle, height, middle)),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
    if (event.key === "Enter") return;
    hover(plot.nearest(middle, height, middle));
    settleSoon();
    redraw();
  });

  async function copyRows() {
    await navigator.clipboard.writeText(formatRows(page.rows));
    page.tell(`Copied ${page.rows.length} rows, as --rows takes them.`);
  }

  new ResizeObserver(() => redraw()).observe(stage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readPalette();
    redraw();
  });
  setMode("move");
  readPalette();
  load().catch(page.fail);

  return {
    element,
    show(state) {
      const { x, y, zoom: factor, lasso, colour } = state.map;
      Object.assign(plot.view, { x, y, zoom: factor });
      colours.value = about.labels.includes(colour) ? colour : "";
      if (rows) setInks(colours.value);
      page.rows = null;
      plot.shown = null;
      if (rows && lasso) {
        const inside = plot.enclose(lasso);
        page.rows = inside.map((i) => rows[i]).sort((a, b) => a - b);
        chosen.textContent = `${page.rows.length.toLocaleString("en")} rows in the lasso`;
      } else {
        chosen.textContent = rows ? `${rows.length.toLocaleString("en")} rows` : "";
      }
      rowsButton.disabled = !page.rows?.length;
      clear.disabled = !lasso;
      redraw();
    },
  };
}
