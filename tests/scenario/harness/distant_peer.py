"""Run in a network namespace of its own: starts a server, and runs commands that speak to it. There 192.0.2.1 is an address of
this machine that is not on loopback: who connects to it has it as the own address, too.

distant_peer.py JSON: an object with the `command` of the server, its `port`, its `log`, and `tries`, a list of commands. Prints
as JSON for each of them its exit code and its output."""

import json
import socket
import subprocess
import sys
import time

DISTANT = "192.0.2.1"
GIVE_UP_S = 60


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(server, port):
    deadline = time.monotonic() + GIVE_UP_S
    while not answers(port):
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit("the server did not start")
        time.sleep(0.05)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GIVE_UP_S)
    return {"code": done.returncode, "output": done.stdout + done.stderr}


def main():
    wanted = json.loads(sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{DISTANT}/32", "dev", "lo"], check=True)
    with open(wanted["log"], "ab") as log, subprocess.Popen(wanted["command"], stdout=log, stderr=log) as server:
        try:
            wait_for(server, wanted["port"])
            print(json.dumps([run(command) for command in wanted["tries"]]))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
