"""Programs under test, each the leader of its own process group, which ends with the test."""

import contextlib
import os
import pathlib
import signal
import subprocess

from .wait import wait_for


@contextlib.contextmanager
def running(command, **more):
    """A subprocess.Popen that is killed at the end, however the test ends. By itself it would be waited for."""
    with subprocess.Popen(command, **more) as program:
        try:
            yield program
        finally:
            program.kill()


class Process:
    """`user`: an account other than this one; only root can say it."""

    def __init__(self, name, command, log, ask_signal=signal.SIGTERM, environment=None, user=None):
        self.name = name
        self.log = log
        self.ask_signal = ask_signal
        other = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        tied = ["setpriv", *other, "--pdeathsig", ask_signal.name[3:], "--"]
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                tied + [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self.pid = self._process.pid

    def is_running(self):
        return self._process.poll() is None

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, condition, what, seconds=60):
        """Like wait_for(), but gives up when the process ends."""

        def ready_or_dead():
            return (condition() or None) if self.is_running() else "ended"

        result = wait_for(ready_or_dead, what, seconds)
        if result == "ended":
            raise AssertionError(f"{self.name} ended ({self._process.returncode}) before {what}")
        return result

    def send(self, number):
        if number == signal.SIGHUP:  # it ends a program that does not handle it yet, such as a broker that has just opened its ports
            wait_for(lambda: self.handles(number) or not self.is_running(), f"{self.name} handles SIGHUP")
        if self.is_running():
            os.kill(self.pid, number)

    def handles(self, number):
        """Whether it catches the signal, or a thread of it blocks it: an orchestrator waits for it in one, whose own mask is without
        it meanwhile."""
        try:
            texts = [path.read_text(encoding="utf-8") for path in pathlib.Path(f"/proc/{self.pid}/task").glob("*/status")]
        except OSError:
            return False
        masks = [line.split()[1] for text in texts for line in text.splitlines() if line.startswith(("SigBlk:", "SigCgt:"))]
        return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)

    def stop(self, seconds=20):
        """Asks the process to end. Returns its exit code."""
        self.send(self.ask_signal)
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        if code is None:
            raise AssertionError(f"{self.name} did not end {seconds} s after it was asked to")
        return code

    def wait_or_give_up(self, seconds):
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def kill(self):
        """kill -9, as in a power failure."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait(20)

    def wait(self, seconds=60):
        return self._process.wait(seconds)
