"""The guard for a mosquitto of a test: the files in a folder that the broker's user may read, and the settings that
`tellercast broker guard` prints for them."""

import functools
import re
import shutil
import subprocess

from .programs import BIN, command_line

PLUGIN = BIN.parent / "lib/tellercast_guard.so"


@functools.cache
def sanitizer_of(module):
    """Returns the environment in which a program without a sanitizer loads a module with one."""
    linked = subprocess.run(["ldd", module], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"lib[at]san\.so\.\d+", linked)
    return {"LD_PRELOAD": libraries[0], "ASAN_OPTIONS": "detect_leaks=0"} if libraries else {}


def copy_guard_files(folder, server, devices, operations, plugin=PLUGIN):
    """Copies the broker's certificate and key (`server`), the authorities that its listeners trust, and the guard."""
    for name, source in zip(("server.pem", "server.key", "devices.pem", "operations.pem", "guard.so"),
                            (*server, devices, operations, plugin)):
        shutil.copy(source, folder / name)


def guard_settings(folder, device_port, operations_port, *words, programs=BIN):
    """Returns the settings of a broker with these files and ports of 127.0.0.1, and further words of the command line."""
    return command_line(
        "broker", "guard", "--plugin", folder / "guard.so", "--state", folder,
        "--device-port", f"{device_port} 127.0.0.1", "--operations-port", f"{operations_port} 127.0.0.1",
        "--device-issuer", folder / "devices.pem", "--operations-issuer", folder / "operations.pem",
        "--server-certificate", folder / "server.pem", "--server-key", folder / "server.key", *words,
        programs=programs).stdout


def without_guard(settings):
    """Returns the settings of a broker for which the names in the certificates are user names."""
    settings = re.sub(r"^plugin.*\n", "", settings, flags=re.MULTILINE)
    settings = settings.replace("use_identity_as_username false", "use_identity_as_username true")
    assert settings.count("use_identity_as_username true") == 2 and "plugin" not in settings.split("\n", 1)[1], settings
    return settings
