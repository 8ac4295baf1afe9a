"""tellercast-install, the privileged half of an agent, and an agent that says to it what the test wants."""

import hashlib
import json
import os
import socket
import time

from .plan import APPLICATION, VERSION, text_of
from .process import Process
from .programs import BIN, INSTALLER

# Root can give the agent another user; else both halves have the same one.
AGENT_USER = 65534 if os.geteuid() == 0 else None
CONTENT = b"version 4.7.2"


class PrivilegedHalf(Process):
    def __init__(self, folder, device, keys, environment=None, **actions):
        self.device = device
        self.folder = folder / f"{device}-privileged"
        self.socket = folder / f"{device}-privileged.sock"
        self.installed = self.folder / "installed"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.installed.mkdir(exist_ok=True)
        self.settings = {
            "device": device,
            "state_folder": str(self.folder),
            "trusted_keys": str(keys),
            "socket": str(self.socket),
            "actions": {"install": str(INSTALLER), "rollback": str(INSTALLER), **actions},
        }
        self.file = self.folder / "settings.yaml"
        self._logs = folder / f"{device}-privileged.log"
        self._environment = environment
        self.write_settings()
        self.start()

    def write_settings(self):
        self.file.write_text(text_of(self.settings), encoding="utf-8")
        self.file.chmod(0o644)

    def start(self):
        self.socket.unlink(missing_ok=True)
        super().__init__(f"{self.device}-privileged", [BIN / "tellercast-install", "--config", self.file], self._logs,
                         environment=self._environment)
        self.wait_until(self.answers, "it answers")
        if AGENT_USER is not None:
            os.chown(self.socket, 0, AGENT_USER)

    def answers(self):
        try:
            return self.nonce()
        except OSError:
            return None

    def connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(60)
        connection.connect(str(self.socket))
        return connection

    def nonce(self):
        return self.ask({"request": "nonce"})[-1]["nonce"]

    def begin(self, request, file=None):
        """Sends a request, with an open file; returns the connection."""
        connection = self.connect()
        message = json.dumps(request).encode()
        if file is None:
            connection.sendall(message)
        else:
            socket.send_fds(connection, [message], [file.fileno()])
        return connection

    def ask(self, request, file=None):
        """Returns all answers."""
        with self.begin(request, file) as connection:
            return answers_of(connection)

    def run(self, token, proof=None, file=None):
        """Hands over a signed instruction; returns (outcome, code)."""
        request = {"request": "run", "token": token.decode()}
        if proof is not None:
            request["proof"] = proof.decode()
        result = self.ask(request, file)[-1]
        return result["outcome"], result["code"]


def answers_of(connection):
    answers = []
    while not answers or answers[-1]["answer"] not in ("result", "nonce"):
        packet = connection.recv(1 << 18)
        if not packet:
            raise ConnectionError("the privileged half ended the connection")
        answers.append(json.loads(packet))
    return answers


def claims_of(device, nonce=None, instruction=1, attempt=1, at=None, content=CONTENT, **more):
    """The claims of an instruction that installs `content`."""
    at = int(time.time()) if at is None else at
    claims = {
        "iss": "tellercast", "aud": device, "jti": f"{instruction}.{attempt}", "iat": at, "nbf": at, "exp": at + 3600,
        "instruction": instruction, "rollout": 1, "attempt": attempt, "epoch": 1, "action": "install",
        "start_before": at + 3600,
        "artifact": {"name": APPLICATION, "version": VERSION, "url": "http://127.0.0.1/a", "size": len(content),
                     "sha256": hashlib.sha256(content).hexdigest()},
        **more,
    }
    return claims if nonce is None else {**claims, "nonce": nonce}


def answer_of(device, nonce, at=None):
    """The claims of an answer without an instruction."""
    at = int(time.time()) if at is None else at
    return {"iss": "tellercast", "aud": device, "iat": at, "nbf": at, "exp": at + 3600, "epoch": 1, "nonce": nonce}
