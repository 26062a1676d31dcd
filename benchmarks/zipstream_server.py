"""The usual way without labcrate: aiohttp sends a ZIP while zipstream-ng makes it.

Run as a child process: ``python -m benchmarks.zipstream_server FOLDER PORT``.
"""

import importlib
import sys
import zipfile
from typing import Any

from aiohttp import web

FOLDER = web.AppKey("folder", str)


async def stream(request: web.Request) -> web.StreamResponse:
    """Send the folder's files as a ZIP, stored."""
    zipstream: Any = importlib.import_module("zipstream")
    response = web.StreamResponse(headers={"Content-Type": "application/zip"})
    await response.prepare(request)
    for chunk in zipstream.ZipStream.from_path(request.app[FOLDER], compress_type=zipfile.ZIP_STORED):
        await response.write(chunk)
    return response


def main(folder: str, port: str) -> None:
    """Serve until terminated."""
    app = web.Application()
    app[FOLDER] = folder
    app.router.add_get("/", stream)
    web.run_app(app, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
