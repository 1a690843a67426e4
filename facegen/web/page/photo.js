/* A photo of one's own: dropped, or chosen. It is sent to the engine, which is on this machine. */

import { button, make } from "./elements.js";
import { patiently } from "./pictures.js";
import { opened } from "./state.js";

/** Takes photos that are dropped anywhere; gives a button that asks for one. */
export function takePhotos(page) {
  const file = make("input", {
    type: "file",
    accept: "image/*",
    hidden: true,
    "aria-label": "A photo",
    change: () => {
      take(file.files[0]);
      file.value = "";
    },
  });

  async function take(photo) {
    if (!photo) return;
    try {
      page.tell("Reading the photo ...");
      const { source, note } = await patiently(page.engine.photo(photo));
      page.change(opened(source));
      page.tell(note ?? "This is what the model makes of it. The photo stays on this machine.");
    } catch (error) {
      page.fail(new Error(`${photo.name}: ${error.message}`));
    }
  }

  whenDropped(take);
  return make("span", {}, button("Your photo", () => file.click()), file);
}

/** Calls `take` with a file that is dropped anywhere on the page. */
function whenDropped(take) {
  const cover = document.querySelector(".drop");
  let inside = 0; // elements that the file is over
  const listen = (name, act) =>
    addEventListener(name, (event) => {
      if (event.dataTransfer?.types.includes("Files")) act(event);
      cover.hidden = inside === 0;
    });
  listen("dragenter", () => (inside += 1));
  listen("dragleave", () => (inside = Math.max(0, inside - 1)));
  listen("dragover", (event) => event.preventDefault());
  listen("drop", (event) => {
    event.preventDefault();
    inside = 0;
    take(event.dataTransfer.files[0]);
  });
}
