"""facegen explore."""

from __future__ import annotations

import shlex
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from facegen.cli.options import PATH, console_options, force_option, weights_options
from facegen.cli.terminal import Console

if TYPE_CHECKING:
    from facegen.api.explore import Explorer

LOOPBACK = "127.0.0.1"


def write_static(console: Console, explorer: Explorer, folder: Path, force: bool) -> None:
    """Writes the folder of a static explorer, and says how to look at it."""
    from facegen.web.static_page import write_static_page

    written = write_static_page(explorer, folder, force=force)
    size = sum(path.stat().st_size for path in written.rglob("*") if path.is_file())
    place = shlex.quote(str(written))
    console.say(f"{size / 1e6:.0f} MB; look at it with: python -m http.server -d {place}")
    console.result(written)


@click.command("explore")
@click.option(
    "--latents",
    type=PATH,
    metavar="LATENTS.h5",
    help="A store of 'facegen encode', to show as a map.",
)
@click.option(
    "--faces",
    type=PATH,
    metavar="FACES.h5",
    help="The face set of that store, to show the photos themselves.",
)
@click.option(
    "--map",
    "places",
    type=PATH,
    metavar="PLACES.csv",
    help="A map of that store, which 'facegen analyze tsne' or 'pca' writes with --csv; without "
    "one the page makes it.",
)
@click.option(
    "--attributes",
    type=PATH,
    metavar="ATTRIBUTES.h5",
    help="Directions that 'facegen attributes' wrote.  [default: attributes.h5 and "
    "components.h5 in the weights' folder]",
)
@click.option(
    "--sampler", type=PATH, metavar="SAMPLER.h5", help="A sampler that 'facegen fit' wrote."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Address to listen at. Others than this machine's own give whoever has the link all that "
    "the page shows.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--static",
    type=PATH,
    metavar="FOLDER",
    help="Start nothing: write a folder for any web host, whose page makes faces in the visitor's "
    "browser, without photos and maps.",
)
@force_option
@weights_options
@console_options
def command(
    console: Console,
    latents: Path | None,
    faces: Path | None,
    places: Path | None,
    attributes: Path | None,
    sampler: Path | None,
    port: int,
    host: str,
    no_browser: bool,
    static: Path | None,
    force: bool,
    weights: Path | None,
    threads: int | None,
) -> None:
    """Turn a model's knobs in the browser.

    Prints the address of a page and opens it: faces of a seed, one face with a slider for each
    label, a pad that morphs between faces, a photo of your own, and a map of a store. Nothing
    leaves this machine. Ctrl-C ends it. docs/explorer.md shows the page.

    \b
    Examples:
        facegen explore
        facegen explore --latents latents.h5 --faces faces.h5
        facegen explore --weights weights/mine --port 8000 --no-browser
        facegen explore --static explorer
    """
    if latents is None and (faces is not None or places is not None):
        raise click.UsageError("--faces and --map go with --latents.")
    if force and static is None:
        raise click.UsageError("--force goes with --static.")
    if static is not None and (latents or sampler or port or no_browser or host != LOOPBACK):
        raise click.UsageError(
            "--static goes with --weights, --attributes and --force; nothing else is on its page."
        )
    from facegen.api.explore import explore

    if static is not None:
        explorer = explore(weights=weights, attributes=attributes)
        write_static(console, explorer, static, force)
        return
    from facegen.web.server import OURS, check_installed, listen, serve

    check_installed()
    explorer = explore(
        weights=weights,
        attributes=attributes,
        sampler=sampler,
        latents=latents,
        faces=faces,
        map=places,
        threads=threads,
    )
    address = listen(host, port)
    console.answer({"address": address.url}, lambda found: [found["address"]])
    if host not in OURS:
        console.warn(
            f"others on the network can open {address.url}; whoever has the link sees all that "
            "the page shows, and what is sent is not encrypted"
        )
    if not no_browser:
        import webbrowser

        # In a thread: one for the terminal would be waited for.
        Thread(target=webbrowser.open, args=(address.url,), daemon=True).start()
    serve(explorer, address, on_bug=lambda error: console.warn(f"unexpected {error!r}"))
