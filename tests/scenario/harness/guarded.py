"""A mosquitto with the guard, and clients that show it certificates."""

import json
import os
import pathlib
import signal
import socket
import ssl
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .certificates import Authority
from .guard_files import PLUGIN, copy_guard_files, guard_settings, sanitizer_of
from .programs import Client
from .servers import Process, are_open, free_port
from .wait import wait_for

CONTROL, STATUS = "$CONTROL/tellercast", "tc/v1/broker/guard"
REFUSED = 0x80  # reason codes from here are refusals


class GuardedBroker(Process):
    """mosquitto with the settings that `tellercast broker guard` prints, the guard, and two authorities."""

    def __init__(self, folder, *lines, mode="enforce", former=(), **options):
        """`former`: further options of the command line, about clients without certificates."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.devices = Authority(self.folder / "devices", "devices")
        self.operations = Authority(self.folder / "operations", "operations")
        self.server = Authority(self.folder / "server", "server").issue("broker", "server")
        self.device_port, self.operations_port = free_port(), free_port()
        self.mode, self.options, self.lines, self.former = mode, options, lines, former
        self.state = self.folder / "state"  # and the broker's files
        self.state.mkdir()
        copy_guard_files(self.state, (self.server["certificate_file"], self.server["key_file"]), self.devices.certificate,
                         self.operations.certificate)
        self.start()

    def settings(self):
        written = guard_settings(self.state, self.device_port, self.operations_port, "--mode", self.mode, *self.former)
        options = "".join(f"plugin_opt_{name} {value}\n" for name, value in self.options.items())
        own = ["log_dest stderr", "log_type error", "log_type warning", "log_type notice", "log_type information", *self.lines]
        if os.geteuid() == 0:
            own.append("user root")
        return "\n".join(own) + "\n" + written.replace("plugin_opt_mode", options + "plugin_opt_mode", 1)

    def start(self):
        file = self.folder / "mosquitto.conf"
        file.write_text(self.settings(), encoding="utf-8")
        environment = {"PATH": os.environ["PATH"] + ":/usr/sbin"}
        environment.update(sanitizer_of(PLUGIN))
        super().__init__("mosquitto", ["mosquitto", "-c", file], self.folder / "mosquitto.log", environment=environment)
        self.wait_until(self.answers, "mosquitto answers")

    def answers(self):
        return are_open(self.device_port, self.operations_port)

    def reload(self):
        """Sends SIGHUP, and waits until mosquitto has begun to read its files again."""
        before = self.text().count("Reloading config")
        self.send(signal.SIGHUP)
        self.wait_until(lambda: self.text().count("Reloading config") > before, "it reads its files again")

    def certificate(self, kind, name):
        return (self.devices if kind == "device" else self.operations).issue(name, kind)

    def client(self, kind, name, client_id=None, **more):
        """A connected client with a certificate of this kind."""
        port = self.device_port if kind == "device" else self.operations_port
        return GuardedClient(port, client_id or name, self.server["ca_file"], self.certificate(kind, name), **more)


class Refused(Exception):
    """The broker has refused the connection; the reason code is its argument."""


class GuardedClient:
    """An MQTT 5 client that shows a certificate, and keeps what it gets and how it was answered."""

    def __init__(self, port, client_id, ca_file, certificate, will=None, expiry=0, clean_start=True, user=None, password=None):
        self.client_id = client_id
        self._messages, self._codes, self._ended = [], {}, []
        self._changed = threading.Condition()
        self._connected = None
        self._client = mqtt.Client(client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        if certificate is not None:
            context = ssl.create_default_context(cafile=ca_file)
            context.check_hostname = False
            if certificate:
                context.load_cert_chain(certificate["certificate_file"], certificate["key_file"])
            self._client.tls_set_context(context)
        if user is not None:
            self._client.username_pw_set(user, password)
        if will is not None:
            self._client.will_set(*will)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        # paho gives the reason code of a PUBACK to nobody.
        self._client._handle_pubackcomp = self._on_puback
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = expiry
        self._client.connect("127.0.0.1", port, clean_start=clean_start, properties=properties)
        self._client.loop_start()
        self._wait(lambda: self._connected is not None or self._ended, "the broker answers")
        if self._connected is None or self._connected >= REFUSED:
            self._client.loop_stop()
            raise Refused(self._connected)

    def _wait(self, condition, what, seconds=30):
        with self._changed:
            assert self._changed.wait_for(condition, seconds), f"{self.client_id}: {what}: not within {seconds} s"

    def _note(self, change):
        with self._changed:
            change()
            self._changed.notify_all()

    def _on_connect(self, _client, _data, _flags, reason, *_):
        def change():
            self._connected = reason.value
        self._note(change)

    def _on_disconnect(self, _client, _data, reason, *_):
        self._note(lambda: self._ended.append(reason))

    def _on_message(self, _client, _data, message):
        self._note(lambda: self._messages.append((message.topic, message.payload, bool(message.retain))))

    def _on_subscribe(self, _client, _data, number, codes, *_):
        self._note(lambda: self._codes.update({("subscribe", number): [code.value for code in codes]}))

    def _on_puback(self, command):
        packet = self._client._in_packet["packet"]
        number = packet[0] << 8 | packet[1]
        code = packet[2] if len(packet) > 2 else 0
        self._note(lambda: self._codes.update({("publish", number): code}))
        with self._client._out_message_mutex:
            if number in self._client._out_messages:
                return self._client._do_on_publish(number)
        return mqtt.MQTT_ERR_SUCCESS

    def _code(self, kind, number):
        self._wait(lambda: (kind, number) in self._codes or self._ended, f"{kind} is answered")
        return self._codes.get((kind, number), REFUSED)

    def subscribe(self, *filters):
        """Returns for each filter whether it is allowed."""
        number = self._client.subscribe([(text, 1) for text in filters])[1]
        codes = self._code("subscribe", number)
        return [code < REFUSED for code in codes] if isinstance(codes, list) else [False] * len(filters)

    def send(self, topic, payload=b"", retain=False, qos=1, properties=None):
        """Returns the number of the message, for is_published. `properties`: by paho's names."""
        more = Properties(PacketTypes.PUBLISH) if properties else None
        for name, value in (properties or {}).items():
            setattr(more, name, value)
        return self._client.publish(topic, payload, qos, retain, more).mid

    def is_published(self, number):
        return self._code("publish", number) < REFUSED

    def publish(self, topic, payload=b"", retain=False):
        """Returns whether it is allowed."""
        return self.is_published(self.send(topic, payload, retain))

    def topics(self):
        with self._changed:
            return [topic for topic, _, _ in self._messages]

    def messages(self, topic):
        with self._changed:
            return [payload for own, payload, _ in self._messages if own == topic]

    def is_connected(self):
        return not self._ended

    def tls_session(self):
        """The arguments of `resume`: the context, and the session that the broker gave with its first answer."""
        return self._client._ssl_context, self._client.socket().session

    def wait_until_ended(self):
        self._wait(lambda: self._ended, "the connection ends")

    def drop(self):
        """Ends the connection without a DISCONNECT: the broker publishes the will."""
        self._client._sock.shutdown(socket.SHUT_RDWR)
        self._wait(lambda: self._ended, "the connection ends")
        self._client.loop_stop()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def resume(port, client_id, context, session):
    """Connects by a TLS session, in which no certificate is looked at again. Returns the broker's return code."""
    name = client_id.encode()
    rest = b"\0\4MQTT\4\2\0\74" + len(name).to_bytes(2, "big") + name  # MQTT 3.1.1, a clean session, 60 s
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, session=session) as secure:
        assert secure.session_reused, "the broker has made a new session"
        secure.sendall(bytes((0x10, len(rest))) + rest)
        answer = secure.recv(4)
        assert len(answer) == 4 and answer[0] == 0x20, answer
        return answer[3]


class DirectoryVoice:
    """An orchestrator's connection that sends the guard its table."""

    def __init__(self, broker, name="central"):
        self.client = broker.client("orchestrator", name, f"{name}/directory")
        assert self.client.subscribe(STATUS) == [True]
        wait_for(lambda: self.client.messages(STATUS), "the guard has a status")
        self.generation, self.sequence = "first", 0

    def send(self, devices, part=None, revoked=(), generation=None, sequence=None):
        """Sends a message; returns the guard's status that tells what became of it."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        self.generation = generation or self.generation
        document = {"version": 1, "generation": self.generation, "sequence": self.sequence, "devices": devices}
        if part:
            document["table"] = part
        if revoked:
            document["revoked"] = list(revoked)
        self.client.publish(CONTROL, json.dumps(document))

        def is_answered():
            table = self.status()["table"]
            return "fault" in table or (table.get("generation"), table["sequence"]) == (self.generation, self.sequence)

        wait_for(is_answered, "the guard has answered")
        return self.status()

    def status(self):
        return json.loads(self.client.messages(STATUS)[-1])

    def denied(self):
        """What was refused so far, by its reasons. A message that is out of order makes the guard publish its status."""
        return self.send([], generation="none", sequence=99)["denied"]


def entry(device, branch, role, **more):
    return {"id": device, "role": role, **({"branch": branch} if branch else {}), **more}


class GuardedInstallation:
    """The orchestrator and clients of a stack, on a broker with the guard and with certificates."""

    def __init__(self, stack, **options):
        self.stack = stack
        self.broker = GuardedBroker(stack.folder / "guarded", **options)
        self.watcher = self.broker.client("operator", "watcher", "watcher/test")
        assert self.watcher.subscribe(STATUS, "tc/v1/device/+/presence") == [True, True]

    def orchestrator(self, name="central", **settings):
        broker = {"port": self.broker.operations_port, "guard": "tellercast", **self._credentials("orchestrator", name)}
        orchestrator = self.stack.orchestrator(broker=broker, **settings)
        return orchestrator

    def _credentials(self, kind, name):
        return {**self.broker.certificate(kind, name), "ca_file": self.broker.server["ca_file"]}

    def client(self, role, device, branch=None, **settings):
        """An agent. It is connected when this returns."""
        broker = {**self._credentials("device", device), **settings.pop("broker", {})}
        client = Client(self.stack.folder, role, device, branch, self.broker.device_port, self.stack.keys,
                        {"broker": broker, **settings})
        self.stack.programs.append(client)
        client.wait_until(lambda: self.is_online(device), f"{device} is connected")
        return client

    def is_online(self, device):
        messages = self.watcher.messages(f"tc/v1/device/{device}/presence")
        return bool(messages) and json.loads(messages[-1])["online"]

    def status(self):
        return json.loads(self.watcher.messages(STATUS)[-1])

    def wait_for_table(self):
        """Waits until the guard has the devices that the database has now."""
        devices = self.stack.database.value("SELECT count(*) FROM device")

        def has_all():
            answer = self.stack.http.document("/v1/broker/guard")
            return answer["is_current"] and answer["status"]["table"]["devices"] == devices

        wait_for(has_all, "the guard has the table")

    def denied(self):
        """Returns what was refused so far. The guard publishes its status when it gets a message, also one that it has already."""
        voice = DirectoryVoice(self.broker, "asking")
        before = voice.status()
        document = {"version": 1, "generation": before["table"]["generation"], "sequence": before["table"]["sequence"]}
        voice.client.publish(CONTROL, json.dumps(document))
        wait_for(lambda: voice.status()["at"] != before["at"], "the guard has published its status")
        voice.client.close()
        return voice.status()["denied"]

    def close(self):
        self.watcher.close()
        self.broker.stop()
