"""A client of a stream of events, as a browser is one."""

import http.client
import json
import socket
import threading

from .people import bearer, token_of
from .wait import wait_for


class EventStream:
    """Follows events at an orchestrator. `events` has what came: (kind, document); `position` the last `id`."""

    def __init__(self, http_client, person=None, query="", after=None, receive=None):
        self.events, self.comments, self.position, self.has_ended = [], 0, None, False
        headers = bearer(token_of(person)) if person else {}
        if after:
            headers["Last-Event-ID"] = after
        self._connection = http_client.connection(600)
        if receive:
            self._connection.connect()
            self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self._connection.request("GET", f"/v1/events{query}", headers=headers)
        self._response = self._connection.getresponse()
        self._socket = self._connection.sock
        self.status = self._response.status
        self.body = self._response.read() if self.status != 200 else b""
        self._reader = None

    def follow(self):
        """Reads from now on, and returns when the stream has begun."""
        assert self.status == 200, self.body
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self):
        kind, lines = None, []
        try:
            for line in self._response:
                line = line.decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line.startswith("id: "):
                    self.position = line[4:]
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    lines.append(line[6:])
                elif not line and kind:
                    self.events.append((kind, json.loads("\n".join(lines))))
                    kind, lines = None, []
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # it was closed
        self.has_ended = True

    def wait(self, kind, seconds=30, **members):
        """Waits for an event of this kind with these members. Returns its document."""
        def found():
            return [document for one, document in self.events if one == kind and members.items() <= document.items()]
        wait_for(found, f"an event {kind} {members}; there are {self.events}", seconds)
        return found()[0]

    def wait_for_end(self, seconds=30):
        wait_for(lambda: self.has_ended, "the end of the stream", seconds)

    def words(self, *kinds):
        return [document["event"] for kind, document in self.events if kind in kinds]

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended
        if self._reader:
            self._reader.join(10)
        self._connection.close()
