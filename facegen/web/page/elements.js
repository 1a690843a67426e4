/* Elements of the page, made in one line each. */

/** An element with attributes (functions are listeners) and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function button(text, press, attributes = {}) {
  return make("button", { type: "button", click: press, ...attributes }, text);
}

/**
 * A slider with its name and its number, which is a field: numbers beyond the ends can be typed.
 * `move(value, done)` is called while it moves (done false) and once it stands. `show(value)`
 * sets it. `usual` is where a double click brings it.
 */
export function slider({ name, title, least, most, step, usual, move, digits = 2, extra = null, like }) {
  const shown = (value) => Number(value.toFixed(digits));
  const range = make("input", { type: "range", min: least, max: most, step, "aria-label": name });
  const field = make("input", { type: "number", step, "aria-label": `${name}, number`, size: 5 });
  const tell = (value, done) => {
    show(value);
    move(value, done);
  };
  const show = (value) => {
    range.value = value;
    if (document.activeElement !== field) field.value = shown(value);
    const share = (Math.min(most, Math.max(least, value)) - least) / (most - least);
    const rest = (Math.min(most, Math.max(least, usual)) - least) / (most - least);
    row.style.setProperty("--from", Math.min(share, rest));
    row.style.setProperty("--to", Math.max(share, rest));
    row.classList.toggle("moved", Math.abs(value - usual) > 1e-9);
  };
  range.addEventListener("input", () => tell(Number(range.value), false));
  range.addEventListener("change", () => tell(Number(range.value), true));
  range.addEventListener("dblclick", () => tell(usual, true));
  field.addEventListener("change", () => {
    const value = field.valueAsNumber;
    tell(Number.isFinite(value) ? value : usual, true);
    field.value = shown(Number.isFinite(value) ? value : usual);
  });
  const label = make("span", { class: "name", title: title ?? null }, name.replaceAll("_", " "));
  if (like) label.append(make("small", {}, like.replaceAll("_", " ")));
  const row = make("div", { class: "slider", "data-name": name }, label, extra, range, field);
  show(usual);
  return { row, show, range, setUsual: (value) => (usual = value) };
}

/** Buttons of which one is pressed. `choose(value)` is called; `show(value)` presses one. */
export function choice(name, values, choose) {
  const buttons = values.map(([value, text]) =>
    button(text, () => choose(value), { "data-value": String(value) }),
  );
  const group = make("div", { class: "choice", role: "group", "aria-label": name }, ...buttons);
  const row = make("div", { class: "chosen" }, make("span", { class: "name" }, name), group);
  const show = (value) => {
    for (const one of buttons) {
      one.setAttribute("aria-pressed", String(one.dataset.value === String(value)));
    }
  };
  return { row, show };
}
