/* The map of a store. */

import { make } from "./elements.js";

export function mapView() {
  return { element: make("section", { class: "map" }), show() {} };
}
