"""What the explorer's server answers: the page, and the faces that it asks for.

Every path begins with the token (`facegen.web.guard`); the names of the page's files and of the
answers are all there are: no path of a request leads to a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from facegen.api.explore import Explorer
from facegen.api.explore_map import StoreMaps
from facegen.errors import FacegenError
from facegen.strict_json import to_json
from facegen.web.about import about
from facegen.web.bodies import BYTES, JSON, Limit, read_body
from facegen.web.wishes import read_json, read_source, read_wishes

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
ASKED = Limit(JSON, 1 << 16, 10.0)
PHOTO = Limit(BYTES, 50_000_000, 60.0)
LONGEST_NAME = 255  # of a photo's file, in letters
AT_WORK = 4  # requests that compute at a time; a graph runs one by one anyway
PHOTOS_AT_WORK = 2  # each is in memory whole

Result = TypeVar("Result")


def page_files() -> dict[str, Response]:
    """The answers for the files of the page, by name."""
    files = sorted(path for path in PAGE.iterdir() if path.suffix in TYPES)
    return {path.name: Response(path.read_bytes(), media_type=TYPES[path.suffix]) for path in files}


class Server:
    """The answers of one explorer."""

    def __init__(self, explorer: Explorer):
        self._explorer = explorer
        self._files = page_files()
        self._work = asyncio.Semaphore(AT_WORK)
        self._photos = asyncio.Semaphore(PHOTOS_AT_WORK)

    def app(self) -> Starlette:
        """The application, behind the guard."""
        post: Callable[..., Route] = partial(Route, methods=["POST"])
        routes = [
            Route("/about", self.about),
            post("/faces", self.faces),
            post("/save", self.save),
            post("/original", self.original),
            post("/photo", self.photo),
            Route("/map", self.map_status),
            post("/map/start", self.map_start),
            post("/map/points", self.map_points),
            post("/map/colour", self.map_colour),
            Route("/", self.file),
            Route("/{name:path}", self.file),
        ]
        handlers: Any = {FacegenError: refused, HTTPException: wrong, Exception: broken}
        return Starlette(routes=routes, exception_handlers=handlers)

    async def _run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        async with self._work:
            return await run_in_threadpool(function, *arguments)

    async def file(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path_params.get("name", "index.html")  # a name, not a path: it is looked up
        if name not in self._files:
            raise HTTPException(404, "there is no such page")
        return self._files[name]

    async def about(self, request: Request) -> Response:
        """Engine.about."""
        return JSONResponse(await self._run(about, self._explorer))

    async def faces(self, request: Request) -> Response:
        """Engine.faces: RGB of one face after the other, and their radii in a header."""
        wishes, look = read_wishes(read_json(await read_body(request, ASKED)), self._explorer)
        pixels, radii = await self._run(self._explorer.faces, wishes, look)
        return _pixels(pixels, radii)

    async def save(self, request: Request) -> Response:
        """Engine.save: a PNG."""
        wishes, look = read_wishes(read_json(await read_body(request, ASKED)), self._explorer)
        return Response(
            await self._run(self._explorer.png, wishes[0], look), media_type="image/png"
        )

    async def original(self, request: Request) -> Response:
        """Engine.original: RGB."""
        source = read_source(read_json(await read_body(request, ASKED)))
        pixels = await self._run(self._explorer.original, source)
        return _pixels(pixels[None], [])

    async def photo(self, request: Request) -> Response:
        """Engine.photo: a photo's bytes are the body, its file's name is only recorded."""
        name = request.query_params.get("name", "")
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or "/" in name:
            raise HTTPException(400, "a photo needs the name of its file")
        async with self._photos:
            data = await read_body(request, PHOTO)
            source, note = await self._run(self._explorer.add_photo, data, name)
        found = {"photo": source.photo, "name": name}
        return JSONResponse({"source": found, "name": name, "note": note})

    @property
    def _maps(self) -> StoreMaps:
        found = self._explorer.opened.maps
        if found is None:
            raise HTTPException(404, "there is no store; give one with --latents")
        return found

    async def map_status(self, request: Request) -> Response:
        """Map.status."""
        return JSONResponse(self._maps.status)

    async def map_start(self, request: Request) -> Response:
        """Map.start: its status once it has begun."""
        self._maps.start(read_json(await read_body(request, ASKED)).text("kind"))
        return JSONResponse(self._maps.status)

    async def map_points(self, request: Request) -> Response:
        """Map.points: all rows, uint32, then all x and all y, float32; little-endian."""
        found = self._maps.places(read_json(await read_body(request, ASKED)).text("kind"))
        arrays = (found.rows.astype("<u4"), *found.places.T.astype("<f4"))
        return Response(b"".join(array.tobytes() for array in arrays), media_type=BYTES)

    async def map_colour(self, request: Request) -> Response:
        """Map.colour: int8."""
        asked = read_json(await read_body(request, ASKED))
        values = await self._run(self._maps.colour, asked.text("kind"), asked.text("name"))
        return Response(values.tobytes(), media_type=BYTES)


def _pixels(pixels: np.ndarray, radii: list[float]) -> Response:
    """uint8 (N, size, size, 3) as an answer."""
    told = to_json({"size": pixels.shape[1], "radii": [round(radius, 4) for radius in radii]})
    return Response(pixels.tobytes(), media_type=BYTES, headers={"x-faces": told})


async def refused(request: Request, error: FacegenError) -> Response:
    """What facegen refuses, in its own words."""
    return JSONResponse({"error": str(error)}, 400, headers={"connection": "close"})


async def wrong(request: Request, error: HTTPException) -> Response:
    """What HTTP refuses: another method, another path, too large a body."""
    headers = {**(error.headers or {}), "connection": "close"}
    return JSONResponse({"error": error.detail}, error.status_code, headers=headers)


async def broken(request: Request, error: Exception) -> Response:
    """What nobody expected; the guard tells of it."""
    told = {"error": "an error of facegen's own; its terminal says more"}
    return JSONResponse(told, 500, headers={"connection": "close"})
