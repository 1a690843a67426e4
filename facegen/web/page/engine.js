/* The engine: whoever makes the faces that the page shows. The page asks nothing else of anyone.

Two files have the exports of this one. This one asks the server of `facegen explore`; the one of
`facegen explore --static` decodes in the browser and lies in its folder under the same name. All
other modules of the page are the same in both, and so is what they take from here:

    connect(): Promise<Engine>
        Reads what is needed to show the first faces. Fails with an Error whose message is shown.

    Engine.about: About, plain data that doesn't change
        version     of facegen
        name        of the weights
        image_size  pixels of a face's side
        latent_dim  numbers of a point
        decoders    names, the default first: ["crisp", "plain"] or ["plain"]
        directions  [{name, strength, kind, like}]: `kind` "label" or "component"; `strength` how
                    far the slider goes each way, in the amounts of --attribute; `like`, of a
                    component, the label that goes along with it most, or null
        radii       {low, middle, high}: of training faces (5, 50 and 95 %), or of normal points
        percentiles whether `radius_percentile` can be asked for
        fitted      whether there is a fitted sampler
        note        the licence's note of the weights, or ""
        files       {weights, attributes, sampler, latents, faces, map}: as a command names them;
                    null where a command finds them by itself, or there is none
        stored      rows of latents.h5 that can be asked for; 0 where there is none
        labels      of these rows, by which points of the map can be coloured
        originals   whether `original` knows the photos of these rows
        photos      whether `photo` works

    Engine.faces(points, look): Promise<Picture[]>
        points      at most 64 of Point
        look        {decoder, sharpen, sampler}: a name of about.decoders; a factor as of --sharpen
                    or null; Sampler. Only seeds depend on the sampler.
        Fails with an Error whose message is shown, such as for a photo that is gone.

    Engine.save(point, look): Promise<{name, blob}>
        One face as a PNG that says how it was made.

    Engine.photo(file): Promise<{source: Source, name, note}>          where about.photos
        Encodes a File. `note` says why its face was not sought or found, or is null.

    Engine.original(source): Promise<Picture>                          where it says so
        The picture that a photo or a stored row was encoded from, cropped as it was.

    Engine.map: Map                                                    where about.stored; else null
        Of each kind there is one at most: "file" (that of files.map), "pca", "tsne".
        status()        {made, making, seconds, share, errors}: the kinds that are there, the first
                        of them first; the kind that is being made, or null, since when, and the
                        share of the rows that were read; by kind, why it could not be made
        start(kind)     begins to make "pca" or "tsne", if it isn't there
        points(kind)    {rows: Uint32Array, x, y: Float32Array in [-1, 1]}
        colour(kind, name)
                        Int8Array: 1 yes, -1 no, 0 unknown, in the order of points()

    Point, plain data:
        {source, attribute: {NAME: AMOUNT}, without: [NAME], radius}
            one face, changed as `facegen edit` does it; the last three may be missing or null.
            First it goes straight to the distance `radius` from the origin, then along the
            directions.
        {corners: [Source, Source] or [Source, Source, Source, Source], at: [u, v], and those three}
            a mix, as `facegen morph --mix` makes it: u from the first corner (0) to the second (1),
            v from those two (0) to the third and fourth (1). Of two corners v is 0. Each corner is
            changed before they are mixed.

    Source, one of
        {seed, row}     face `row` of `facegen generate --seed`
        {stored}        row of latents.h5: its mu
        {photo, name}   the SHA-256 of a photo that `photo` has encoded, and its file's name

    Sampler: {} for normal points, or what `facegen.SamplerChoice` has, of that the same goes
        together: {sigma}, {r_limit}, or any of {fitted: true} and one of {radius},
        {radius_percentile: [low, high]}, {truncation}.

    Picture: {size, pixels, radius}
        pixels      Uint8ClampedArray, RGBA, size x size
        radius      the distance of its face from the origin as it came, before Point.radius; of a
                    mix that of the mix
*/

/** Connects to the server of `facegen explore`. */
export async function connect() {
  const about = await (await ask("about")).json();
  return { about, faces, save, photo, original, map: about.stored ? map : null };
}

/** Sends a request to the server; the address of the page has the token in it. */
async function ask(name, body) {
  const request = {};
  if (body !== undefined) {
    request.method = "POST";
    request.body = body instanceof Blob ? body : JSON.stringify(body);
    const kind = body instanceof Blob ? "application/octet-stream" : "application/json";
    request.headers = { "Content-Type": kind };
  }
  let answer;
  try {
    answer = await fetch(name, request);
  } catch {
    throw new Error("The server has gone. Start facegen explore again, and open its address.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error || `The server answers ${answer.status}.`);
}

/** Bytes of RGB, one picture after another, as pictures. */
async function pictures(answer) {
  const { size, radii } = JSON.parse(answer.headers.get("x-faces"));
  const rgb = new Uint8Array(await answer.arrayBuffer());
  const area = size * size;
  const found = [];
  for (let start = 0; start < rgb.length; start += 3 * area) {
    const pixels = new Uint8ClampedArray(4 * area).fill(255);
    for (let i = 0, from = start, to = 0; i < area; i++, from += 3, to += 4) {
      pixels[to] = rgb[from];
      pixels[to + 1] = rgb[from + 1];
      pixels[to + 2] = rgb[from + 2];
    }
    found.push({ size, pixels, radius: radii[found.length] });
  }
  return found;
}

async function faces(points, look) {
  return pictures(await ask("faces", { points, look }));
}

async function save(point, look) {
  const answer = await ask("save", { points: [point], look });
  return { name: "face.png", blob: await answer.blob() };
}

async function photo(file) {
  return (await ask(`photo?name=${encodeURIComponent(file.name)}`, file)).json();
}

async function original(source) {
  return (await pictures(await ask("original", source)))[0];
}

const map = {
  status: async () => (await ask("map")).json(),
  start: async (kind) => (await ask("map/start", { kind })).json(),
  async points(kind) {
    const bytes = await (await ask("map/points", { kind })).arrayBuffer();
    const count = bytes.byteLength / 12;
    return {
      rows: new Uint32Array(bytes, 0, count),
      x: new Float32Array(bytes, 4 * count, count),
      y: new Float32Array(bytes, 8 * count, count),
    };
  },
  colour: async (kind, name) =>
    new Int8Array(await (await ask("map/colour", { kind, name })).arrayBuffer()),
};
