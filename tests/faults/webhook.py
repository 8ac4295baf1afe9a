"""A webhook of an installation, and what its receiver must have got."""

from harness.receiver import Receiver, new_secret
from harness.wait import wait_for

NAME = "siem"


class Webhook:
    """Gets all events. `files`: those of its certificate; None: it has none."""

    def __init__(self, folder, files=None):
        self._secret, self._files = folder / f"{NAME}.secret", files
        new_secret(self._secret)
        self._receiver = Receiver(files)

    def settings(self):
        trust = {"ca_file": self._files["ca_file"]} if self._files else {}
        return [{"name": NAME, "url": self._receiver.url(), "secret_files": [str(self._secret)], **trust}]

    def faults(self, database, seconds=60):
        """Waits until the newest event of now has come. Returns what is wrong with the events that came: each must come at least
        once, and for the first time after all before it."""
        newest = database.value("SELECT position FROM event_head")
        try:
            wait_for(lambda: newest in self._receiver.numbers(), f"the webhook gets event {newest}", seconds)
        except AssertionError as fault:
            return [str(fault)]
        came = list(dict.fromkeys(self._receiver.numbers()))
        expected = list(range(came[0], came[0] + len(came)))
        return [] if came == expected else [f"events that a webhook got: {came}"]

    def close(self):
        self._receiver.close()
