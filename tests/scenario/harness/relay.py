"""A relay to a server: it can lead to another server, change the server's messages, or go dead silently."""

import contextlib
import socket
import threading

PIECE = 65536


class Relay:
    """Listens at `listen` and connects to `target`, which may be changed: paths of Unix sockets, ports of this machine, or pairs of
    an address and a port.
    `rewrite` changes the messages of the server."""

    def __init__(self, listen, target, rewrite=lambda piece: piece):
        self.listen, self.target, self.rewrite = listen, target, rewrite
        self._pairs = []
        self._dead = set()
        self._endpoint = self._socket(listen)
        self._endpoint.bind(self._address(listen))
        self._endpoint.listen(100)
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def _socket(where):
        return socket.socket(socket.AF_INET if isinstance(where, (int, tuple)) else socket.AF_UNIX)

    @staticmethod
    def _address(where):
        if isinstance(where, tuple):
            return where
        return ("127.0.0.1", where) if isinstance(where, int) else str(where)

    def die(self, says):
        """Stops the connections whose first bytes contain `says`, without closing them."""
        self._dead |= {pair for pair, first in self._pairs if says in first}

    def close(self):
        self._endpoint.close()
        for (near, far), _ in self._pairs:
            for end in (near, far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._endpoint.accept()
                threading.Thread(target=self._open, args=(near,), daemon=True).start()

    def _open(self, near):
        far = self._socket(self.target)
        try:
            far.connect(self._address(self.target))
            first = near.recv(PIECE)
            far.sendall(first)
        except OSError:
            near.close()
            far.close()
            return
        pair = (near, far)
        self._pairs.append((pair, first))
        threading.Thread(target=self._carry, args=(pair, near, far, lambda piece: piece), daemon=True).start()
        self._carry(pair, far, near, self.rewrite)

    def _carry(self, pair, source, sink, change):
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if pair not in self._dead:
                    sink.sendall(change(piece))
        if pair not in self._dead:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
