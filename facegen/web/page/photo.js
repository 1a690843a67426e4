/* A photo of one's own: dropped, or chosen. It is sent to the engine, which is on this machine. */

import { button, make } from "./elements.js";
import { patiently } from "./pictures.js";
import { opened } from "./state.js";

/** Takes photos that are dropped anywhere; gives a button that asks for one. */
export function takePhotos(page) {
  const cover = document.querySelector(".drop");
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
  let inside = 0;

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

  const carries = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!carries(event)) return;
    inside += 1;
    cover.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!carries(event)) return;
    inside = Math.max(0, inside - 1);
    cover.hidden = inside === 0;
  });
  addEventListener("dragover", (event) => {
    if (carries(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    inside = 0;
    cover.hidden = true;
    take(event.dataTransfer.files[0]);
  });
  return make("span", {}, button("Your photo", () => file.click()), file);
}
