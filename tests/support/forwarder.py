"""A TCP forwarder between a client and a server: a network that a test can cut or stall."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Forwarder:
    """Owns a listening port and the connections through it; `address` is host:port."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._listener: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.address = "127.0.0.1:0"

    async def open(self) -> None:
        """Listen, at the same port as before."""
        host, _, port = self.address.rpartition(":")
        self._listener = await asyncio.start_server(self._link, host, int(port))
        self.address = f"{host}:{self._listener.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """Refuse new connections and break those that are."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._flowing.set()
        for link in list(self._links):
            link.transport.abort()

    def stall(self) -> None:
        """Take connections and bytes, and pass nothing on."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass everything on again."""
        self._flowing.set()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(self._host, self._port)
        self._links |= {writer, forth}
        try:
            await asyncio.gather(self._pump(reader, forth), self._pump(back, writer))
        finally:
            self._links -= {writer, forth}
            for end in (writer, forth):
                end.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
            sink.write_eof()


@asynccontextmanager
async def forwarding(target: str) -> AsyncIterator[Forwarder]:
    """A forwarder to the host:port `target`, open."""
    forwarder = Forwarder(target)
    await forwarder.open()
    try:
        yield forwarder
    finally:
        await forwarder.cut()
