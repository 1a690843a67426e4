"""The bodies of requests, read as they come, within limits of size and time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

JSON, BYTES = "application/json", "application/octet-stream"


@dataclass(frozen=True)
class Limit:
    """Of a body.

    Attributes:
        kind: its Content-Type. None of them may be sent to another origin without asking it.
        size: bytes.
        seconds: in which all of it has come.
    """

    kind: str
    size: int
    seconds: float


async def read_body(request: Request, limit: Limit) -> bytes:
    """All of a body, which is in memory alone.

    Raises:
        HTTPException: 415 for another kind, 413 for a larger one, 408 for a slower one, 400 for one
            that ends too early.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != limit.kind:
        raise HTTPException(415, f"the body must be {limit.kind}")
    told = request.headers.get("content-length", "0")
    if not told.isdigit() or len(told) > 15 or int(told) > limit.size:
        raise HTTPException(413, f"the body is larger than {limit.size:,} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(limit.seconds):
            async for part in request.stream():
                body += part
                if len(body) > limit.size:
                    raise HTTPException(413, f"the body is larger than {limit.size:,} bytes")
    except TimeoutError as error:
        raise HTTPException(408, "the body came too slowly") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body is not complete") from error
    return bytes(body)
