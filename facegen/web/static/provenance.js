/* What a picture says of how it was made: as `facegen edit --single` and `facegen morph --mix` say
   it, so that `facegen reproduce` makes it again. */

/** @param model model.json; the rest as of Engine.save */
export function provenance(point, look, model) {
  const sampler = samplerOf(look.sampler, model.training);
  const made = ({ seed, row }) => ({ seed, row, ...(sampler && { sampler }) });
  const sources = point.corners ?? [point.source];
  const mix = point.corners && { mix: point.at.slice(0, sources.length / 2), path: "spherical" };
  return {
    facegen_version: model.about.version,
    command: point.corners ? "morph" : "edit",
    weights: model.weights[look.decoder],
    points: sources.map(made),
    ...editOf(point, model),
    ...mix,
    sharpening: look.sharpen === null ? null : { sharpness: look.sharpen },
  };
}

function editOf({ attribute, without, radius }, { about, directions }) {
  const found = {};
  const names = [...Object.keys(attribute ?? {}), ...(without ?? [])];
  if (Object.keys(attribute ?? {}).length > 0) {
    const kinds = new Map(about.directions.map(({ name, kind }) => [name, kind]));
    const used = (kind) => names.some((name) => kinds.get(name) === kind);
    found.move = { attributes: attribute, without: without ?? [] };
    for (const [kind, file] of Object.entries(directions)) {
      if (used(kind)) Object.assign(found.move, file);
    }
  }
  if (radius != null) found.radius = radius;
  return found;
}

function samplerOf(sampler, training) {
  const [name] = Object.keys(sampler);
  if (name === undefined) return null;
  if (name === "r_limit") return { name: "uniform", ...sampler };
  const quantiles = name === "radius_percentile" && { radius_quantiles: tableOf(training) };
  return { name: "normal", sigma: 1, ...sampler, ...quantiles };
}

/** {SHARE: RADIUS}, in order: an object would put names that are whole numbers first. */
function tableOf({ shares, radii }) {
  const name = (share) => (Number.isInteger(share) ? share.toFixed(1) : String(share));
  return Object.fromEntries(shares.map((share, i) => [name(share), radii[i]]));
}
