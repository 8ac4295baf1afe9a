"""A network that can be broken: all traffic between two programs goes through a route."""

import asyncio
import threading

PIECE = 65536
STILL_S = 0.02


class Route:
    """Leads from the address that a program gets to the real one. Addresses: a port on 127.0.0.1, a path, or a list of them, of
    which each connection gets the next open one. mode: "open"; "cut": connections break and new ones are refused; "still":
    bytes are held and connections stay open; "slow": each piece waits `delay_s`; "chopped": a few bytes at a time."""

    def __init__(self, network, listen, target):
        self.listen, self.target = listen, target
        self.mode, self.delay_s = "open", 0.0
        self.bytes = 0
        self._turn = 0
        self._network = network
        self._writers = set()
        self._break_in = None
        network.call(self._start())

    async def _start(self):
        if isinstance(self.listen, int):
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.listen, backlog=1000)
        else:
            self._server = await asyncio.start_unix_server(self._serve, str(self.listen), backlog=1000)

    async def _connect(self):
        if not isinstance(self.target, list):
            return await self._connect_to(self.target)
        for _ in self.target:
            self._turn += 1
            try:
                return await self._connect_to(self.target[self._turn % len(self.target)])
            except OSError:
                continue
        raise OSError("none of them is open")

    @staticmethod
    async def _connect_to(target):
        if isinstance(target, int):
            return await asyncio.open_connection("127.0.0.1", target)
        return await asyncio.open_unix_connection(str(target))

    async def _serve(self, reader, writer):
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        pumps = [asyncio.create_task(self._pump(reader, far_writer)), asyncio.create_task(self._pump(far_reader, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._writers -= pair
        for one in pair:
            one.transport.abort()

    async def _pump(self, reader, writer):
        while True:
            piece = await reader.read(7 if self.mode == "chopped" else PIECE)
            if not piece:
                return
            while self.mode == "still":
                await asyncio.sleep(STILL_S)
            if self.mode == "slow":
                await asyncio.sleep(self.delay_s)
            if self._break_in is not None:
                self._break_in -= len(piece)
                if self._break_in <= 0:
                    piece = piece[: len(piece) // 2]
                    self._break_in = None
                    writer.write(piece)
                    self._abort_all()
                    return
            self.bytes += len(piece)
            writer.write(piece)
            await writer.drain()

    def _abort_all(self):
        for writer in self._writers:
            writer.transport.abort()

    def set(self, mode, delay_s=0.0):
        self.mode, self.delay_s = mode, delay_s
        if mode == "cut":
            self._network.loop.call_soon_threadsafe(self._abort_all)

    def break_within_a_packet(self, after_bytes):
        """Every connection breaks when so many more bytes went through, in the middle of a packet."""
        self._break_in = after_bytes

    def is_to_break(self):
        return self._break_in is not None


class Network:
    """The thread of the routes."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)  # connections break here all the time
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def route(self, listen, target):
        return Route(self, listen, target)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
