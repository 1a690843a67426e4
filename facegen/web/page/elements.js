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

/** A button that works while it is held, by pointer or key. */
export function hold(text, act) {
  const element = button(text, () => {});
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    act(true);
  });
  for (const name of ["pointerup", "pointercancel", "blur", "keyup"]) {
    element.addEventListener(name, () => act(false));
  }
  element.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") act(true);
  });
  return element;
}

/** A name as people write it: Wearing_Hat is Wearing Hat. */
export const plain = (name) => name.replaceAll("_", " ");

/**
 * Calls `tell(done)` when a field has changed: done false while a key is held, which repeats thirty
 * times a second, and true once the change stands.
 */
function whenChanged(field, tell) {
  let held = false;
  let due = false;
  field.addEventListener("keydown", () => (held = true));
  field.addEventListener("change", () => {
    due = held;
    tell(!held);
  });
  for (const name of ["keyup", "blur"]) {
    field.addEventListener(name, () => {
      held = false;
      if (due) tell(true);
      due = false;
    });
  }
}

/**
 * A slider with its name and its number, which is a field: numbers beyond the ends can be typed.
 * `move(value, done)` is called while it moves (done false) and once it stands. `show(value)`
 * sets it. `usual` is where a double click brings it.
 */
export function slider(options) {
  const { name, title, least, most, step, move, digits = 2, extra = null, like } = options;
  let { usual } = options;
  const shown = (value) => Number(value.toFixed(digits));
  const label = plain(name);
  const range = make("input", { type: "range", min: least, max: most, step, "aria-label": label });
  const field = make("input", { type: "number", step, "aria-label": `${label}, number`, size: 5 });
  const share = (value) => (Math.min(most, Math.max(least, value)) - least) / (most - least);
  const show = (value) => {
    range.value = value;
    if (document.activeElement !== field) field.value = shown(value);
    row.style.setProperty("--from", Math.min(share(value), share(usual)));
    row.style.setProperty("--to", Math.max(share(value), share(usual)));
    row.classList.toggle("moved", Math.abs(value - usual) > 1e-9);
  };
  const tell = (value, done) => {
    show(value);
    move(value, done);
  };
  range.addEventListener("input", () => tell(Number(range.value), false));
  range.addEventListener("dblclick", () => tell(usual, true));
  whenChanged(range, (done) => done && tell(Number(range.value), done));
  whenChanged(field, (done) => {
    const value = Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : usual;
    tell(value, done);
    if (done) field.value = shown(value);
  });
  const known = like ? make("small", {}, `like ${plain(like)}`) : null;
  const told = make("span", { class: "name", title: title ?? null }, label, known);
  const row = make("div", { class: "slider" }, told, extra, range, field);
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

/** Copies a text; gives whether that was allowed. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP from another machine a page has no clipboard, but may copy what is selected.
    const field = make("textarea", { class: "copied", readonly: true }, text);
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

/** Gives a file to the browser to save. */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
