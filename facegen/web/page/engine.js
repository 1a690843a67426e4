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
        directions  [{name, strength, kind}]: `kind` "label" or "component"; `strength` how far the
                    slider goes each way, in the amounts of --attribute
        radii       {low, middle, high}: of training faces (5, 50 and 95 %), or of normal points
        percentiles whether `radius_percentile` can be asked for
        fitted      whether there is a fitted sampler
        note        the licence's note of the weights, or ""
        files       {weights, attributes, components, sampler, latents, faces}: as a command names
                    them; null where a command finds them by itself, or there is none
        stored      rows of latents.h5 that can be asked for; 0 where there is none
        originals   whether `original` knows the photos of these rows
        photos      whether `photo` works
        aligned     whether photos are turned upright by their eyes

    Engine.faces(points, look, signal): Promise<Picture[]>
        points      at most 64 of Point
        look        {decoder, sharpen, sampler}: a name of about.decoders; a factor as of --sharpen
                    or null; Sampler. Only seeds depend on the sampler.
        signal      of an AbortController, or undefined; aborted, it fails with an AbortError
        Fails with an Error whose message is shown, such as for a photo that is gone.

    Engine.save(point, look, command): Promise<{name, blob}>
        One face as a PNG that says how it was made. `command` is the line that makes the same.

    Engine.photo(file): Promise<{source: Source, name, note}>          where about.photos
        Encodes a File. `note` says why its face was not sought or found, or is null.

    Engine.original(source): Promise<Picture | null>                   where it says so
        The picture that a photo or a stored row was encoded from, cropped as it was.

    Engine.map: Map                                                    where about.stored; else null
        status()        {state: "none" | "running" | "ready" | "failed", kind, seconds, error, kinds}
        start(kind)     begins to make one of `kinds`: "pca", "tsne"
        points()        {rows: Uint32Array, x, y: Float32Array in [-1, 1]}
        labels          names by which points can be coloured
        colour(name)    Int8Array: 1 yes, -1 no, 0 unknown, in the order of points()

    Point, plain data:
        {source, attribute: {NAME: AMOUNT}, without: [NAME], radius}
            one face, moved along directions as `facegen edit` does; the last three may be missing.
            radius: the distance from the origin that the moved point is brought to.
        {corners: [Source, Source] or [Source, Source, Source, Source], at: [u, v]}
            a mix, as `facegen morph --mix` makes it: u from the first corner (0) to the second (1),
            v from those two (0) to the third and fourth (1). Of two corners v is 0.

    Source, one of
        {seed, row}     face `row` of `facegen generate --seed`
        {stored}        row of latents.h5: its mu
        {photo, name}   the SHA-256 of a photo that `photo` has encoded, and its file's name

    Sampler: {} for normal points, or what `facegen.SamplerChoice` has, of that the same goes
        together: {sigma}, {r_limit}, or any of {fitted: true} and one of {radius},
        {radius_percentile: [low, high]}, {truncation}.

    Picture: {size, pixels, radius}
        pixels      Uint8ClampedArray, RGBA, size x size
        radius      the distance of its point from the origin, before Point.radius
*/
