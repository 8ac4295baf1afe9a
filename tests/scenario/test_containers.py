"""The trial in containers, without a container engine: the rules that compose.yaml keeps, and its services with Debian's servers,
which use the files that its first service makes."""

import os
import pathlib
import re
import subprocess

import pytest
import yaml
from harness.process import Process
from harness.programs import BIN
from harness.servers import ROOT, free_port
from harness.stack import SANITIZED
from harness.wait import wait_for

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
MAKERS = ("credentials", "people")  # they make what others use, and end
PORTS = {"8883": "devices", "8080": "artifacts and operators", "8085": "enrolment"}
GUARD = (ROOT / "build/release/bin" if SANITIZED else BIN) / "../lib/tellercast_guard.so"


def text_of(name):
    return (DOCKER / name).read_text(encoding="utf-8")


def volumes_of(service):
    """Returns the folder of each volume of the service, by the name of the volume."""
    return {mount["source"]: mount["target"] for mount in SERVICES[service]["volumes"] if mount["type"] == "volume"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_is_root_or_may_become_root(name):
    service = SERVICES[name]
    assert service["user"] not in ("root", "0")
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "devices"} & set(service)


def test_nothing_in_the_trial_lets_anybody_in_without_credentials():
    for path in set(DOCKER.iterdir()) - {DOCKER / "README.md"}:
        for words in ("insecure_loopback", "allow_anonymous true", "method: trust", "=trust", "1883", "http://", "PASSWORD: "):
            assert words not in path.read_text(encoding="utf-8"), f"{path.name}: {words}"
    settings = yaml.safe_load(text_of("tellercast.yaml"))
    assert settings["broker"]["guard"] == "tellercast"
    for part, names in (("broker", ("ca_file", "certificate_file", "key_file")), ("est", ("certificate_file", "key_file")),
                        ("http", ("certificate_file", "key_file")), ("redis", ("user", "password_file"))):
        assert all(settings[part][name] for name in names)


def test_only_what_devices_and_operators_need_is_published_and_on_this_machine_alone():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(published) == sorted(f"127.0.0.1:{port}:{port}" for port in PORTS)


def test_the_database_and_the_cache_have_no_network_and_operators_one_that_leads_nowhere():
    assert all(SERVICES[name]["network_mode"] == "none" for name in ("postgres", "redis", "migrate", "credentials"))
    assert all(SERVICES[name]["networks"] == ["operations"] for name in ("people", "operator", "admin"))
    assert COMPOSE["networks"]["operations"]["internal"] is True
    assert not any("network_mode" in SERVICES[name] for name in ("mosquitto", "orchestrator", "operator"))


def test_each_service_has_its_own_secrets_and_no_other():
    files = {name for name in COMPOSE["volumes"] if name.endswith("-files")}
    readers = {name: [service for service in SERVICES if name in volumes_of(service) and service not in MAKERS]
               for name in (*files, "authorities")}
    assert readers == {"admin-files": ["admin"], "authorities": [], "broker-files": ["mosquitto"], "cache-files": ["redis"],
                       "database-files": ["postgres"], "migration-files": ["migrate"], "orchestrator-files": ["orchestrator"],
                       "operator-files": ["operator"]}
    assert files | {"authorities"} == {*volumes_of("credentials"), "admin-files"}
    assert set(volumes_of("people")) & files == {"admin-files", "operator-files", "orchestrator-files"}
    written = {(name, mount["source"]) for name, service in SERVICES.items() if name != "credentials"
               for mount in service["volumes"] if mount["source"] in files and not mount.get("read_only")}
    assert written == {("people", "admin-files"), ("people", "operator-files")}


def test_the_services_that_make_secrets_do_so_and_end():
    assert all(SERVICES[name]["restart"] == "no" and "ports" not in SERVICES[name] for name in MAKERS)


@pytest.mark.parametrize("service, more", [("postgres", ["passwords.sql"]), ("redis", []), ("mosquitto", ["Dockerfile"]),
                                           ("migrate", []), ("orchestrator", ["tellercast.yaml"]), ("people", []),
                                           ("operator", []), ("admin", [])])
def test_each_file_that_a_service_names_is_in_a_volume_of_it(service, more):
    """The settings name a file of `migrate` as well, and the image of the broker is one of several in its file."""
    own = {name: value for name, value in SERVICES[service].items() if name != "volumes"}
    text = yaml.safe_dump(own) + "".join(text_of(name) for name in more)
    if service == "mosquitto":
        text = "".join(line for line in text.splitlines(True) if "broker" in line)
    named = set(re.findall(r"(?<!etc)/tellercast/[\w-]+", text)) - ({"/tellercast/migration"} if service == "orchestrator" else set())
    assert named <= set(volumes_of(service).values())


def test_the_image_has_the_folders_that_the_first_service_fills():
    listed = re.search(r"for folder in ([\w ]+); do", text_of("Dockerfile"))[1].split()
    assert {f"/tellercast/{name}" for name in listed} == {*volumes_of("credentials").values(), volumes_of("people")["admin-files"]}


class Trial:
    """The services of compose.yaml, with other folders and ports."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = {port: str(free_port()) for port in ("8883", "8884", "8080", "8085")}
        self.processes = []
        for name in (*volumes_of("credentials").values(), "/tellercast/admin", "/tellercast/database-socket", "/tellercast/cache-socket", "/broker",
                     "/database", "/orchestrator"):
            (folder / name.removeprefix("/tellercast/").lstrip("/")).mkdir(exist_ok=True)

    def here(self, text):
        """Replaces what is different without containers."""
        for name in ("/tellercast/", "/var/lib/mosquitto", "/data/redis.sock"):
            place = {"/var/lib/mosquitto": "broker-state", "/data/redis.sock": "cache-socket/redis.sock"}.get(name, "")
            text = text.replace(name, f"{self.folder}/{place}")
        for port, other in self.ports.items():
            text = re.sub(rf"\b{port}\b", other, text)
        return re.sub(r"(host: |//)(mosquitto|orchestrator)\b", r"\g<1>127.0.0.1", text)

    def make_credentials(self):
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        subprocess.run([DOCKER / "credentials", self.folder], env=environment, check=True, timeout=120)

    def make_people(self):
        environment = {name: self.here(value) for name, value in SERVICES["people"]["environment"].items()}
        _, _, settings = SERVICES["people"]["entrypoint"]
        subprocess.run([DOCKER / "people", self.folder, self.folder / pathlib.Path(settings).name], check=True, timeout=120,
                       env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment})

    def start(self, name, command, environment=None, user=None):
        user = user if os.geteuid() == 0 else None
        self.processes.append(Process(name, command, self.folder / f"{name}.log", environment=environment, user=user))

    def stop(self):
        for process in reversed(self.processes):
            process.stop()

    def secret(self, name):
        return (self.folder / "authorities" / name).read_text(encoding="utf-8")


def as_user(name, *command, **more):
    becomes = ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--"] if os.geteuid() == 0 else []
    return subprocess.run([*becomes, *command], check=True, timeout=120, capture_output=True, text=True, cwd="/", **more)


def give(folder, name):
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        subprocess.run(["chown", f"{name}:{name}", folder], check=True)


def start_database(trial):
    """As the image does: initdb with the options, then the two scripts, and all with passwords."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    service, socket = SERVICES["postgres"], trial.folder / "database-socket"
    data = trial.folder / "database-state"
    give(data, "postgres")
    give(socket, "postgres")
    as_user("postgres", programs / "initdb", "-D", data, "-U", "postgres", "--no-sync",
            f"--pwfile={trial.here(service['environment']['POSTGRES_PASSWORD_FILE'])}",
            *service["environment"]["POSTGRES_INITDB_ARGS"].split())
    command = service["command"]
    trial.start("postgres", [programs / command[0], "-D", data, "-k", socket, *command[1:]], user="postgres")
    environment = {**os.environ, "PGPASSWORD": trial.secret("administrator"), "PGHOST": str(socket), "PGUSER": "postgres", "PGPORT": "5432"}
    wait_for(lambda: subprocess.run(["pg_isready", "-h", socket, "-p", "5432"], check=False, capture_output=True).returncode == 0,
             "PostgreSQL is ready")
    passwords = trial.folder / "passwords.sql"
    passwords.write_text(trial.here(text_of("passwords.sql")), encoding="utf-8")
    for words in (["-d", "postgres", "-c", "CREATE DATABASE tellercast"], ["-d", "tellercast", "-f", ROOT / "packaging/roles.sql"],
                  ["-d", "tellercast", "-f", passwords]):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--no-password", *words], env=environment, check=True, timeout=60)
    nobody = subprocess.run(["psql", "-X", "-w", "-d", "tellercast", "-c", "SELECT 1"], env={**environment, "PGPASSWORD": "wrong"},
                            check=False, capture_output=True, timeout=60)
    assert nobody.returncode != 0
    own = {**environment, "PGUSER": "tellercast_run", "PGPASSWORD": (trial.folder / "database/run").read_text(encoding="utf-8").strip()}
    for database, is_own in (("tellercast", True), ("postgres", False), ("template1", False)):
        done = subprocess.run(["psql", "-X", "-w", "-d", database, "-c", "SELECT 1"], env=own, check=False, capture_output=True,
                              text=True, timeout=60)
        assert (done.returncode == 0) == is_own and ("permission denied for database" in done.stderr) != is_own, done.stderr


def start_cache(trial):
    give(trial.folder / "cache-socket", "redis")
    trial.start("redis", [trial.here(word) for word in SERVICES["redis"]["command"]], user="redis")


def start_broker(trial):
    """The guard and the broker's settings are where the image has them."""
    give(trial.folder / "broker-state", "mosquitto")
    settings, plugin = trial.folder / "mosquitto.conf", trial.folder / "guard.so"
    plugin.write_bytes(GUARD.read_bytes())
    before, after = (trial.folder / "broker/mosquitto.conf").read_text(encoding="utf-8").split("/usr/lib/tellercast/tellercast_guard.so")
    settings.write_text(f"{trial.here(before)}{plugin}{trial.here(after)}", encoding="utf-8")
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    trial.start("mosquitto", ["mosquitto", "-c", settings], environment, user="mosquitto")


def start_orchestrator(trial):
    settings = trial.folder / "tellercast.yaml"
    settings.write_text(trial.here(text_of("tellercast.yaml")) + f"data_folder: {trial.folder}/orchestrator-state\n"
                        f"socket: {{path: {trial.folder}/tellercast.sock}}\n", encoding="utf-8")
    subprocess.run([BIN / "tellercastd", "--config", settings, *SERVICES["migrate"]["command"]], check=True, timeout=120)
    trial.start("tellercastd", [BIN / "tellercastd", "--config", settings])


@pytest.fixture
def trial(scratch):
    """Root's: in the trial the services' volumes, and not the modes of the folders, keep others away."""
    folder = scratch / "trial"
    folder.mkdir(mode=0o755)
    made = Trial(folder)
    yield made
    made.stop()
    print(*(f"{log.name}: {log.read_text(encoding='utf-8')}" for log in folder.glob("*.log")), sep="\n")


def act_as(service, trial, *words):
    environment = {name: trial.here(value) for name, value in SERVICES[service]["environment"].items()}
    return subprocess.run([BIN / "tellercast", *words], env={**os.environ, **environment}, capture_output=True, text=True,
                          check=False, timeout=60)


def test_the_services_of_the_trial_work_with_what_its_first_service_makes(trial):
    trial.make_credentials()
    made = {path: path.read_bytes() for path in trial.folder.rglob("*") if path.is_file() and path.parent.name != "crl"}
    trial.make_credentials()
    assert {path: path.read_bytes() for path in made} == made
    start_database(trial)
    start_cache(trial)
    start_broker(trial)
    start_orchestrator(trial)
    ready = ["curl", "-fs", "--cacert", trial.folder / "orchestrator/operations.pem", f"https://127.0.0.1:{trial.ports['8080']}/readyz"]
    trial.processes[-1].wait_until(lambda: subprocess.run(ready, check=False, capture_output=True).returncode == 0,
                                   "it is ready")
    trial.make_people()
    tokens = {name: (trial.folder / name / "token").read_text(encoding="utf-8") for name in ("admin", "operator")}
    trial.make_people()
    assert tokens == {name: (trial.folder / name / "token").read_text(encoding="utf-8") for name in tokens}, "they are kept"
    fleet = act_as("operator", trial, "fleet", "import", str(ROOT / "config/examples/fleet-small.yaml"))
    assert fleet.returncode == 0, fleet
    submitted = act_as("operator", trial, "--quiet", "rollout", "submit", "--via", "mqtt",
                       str(ROOT / "config/examples/plans/parameter-change.yaml"))
    assert submitted.returncode == 0, submitted
    refused = act_as("operator", trial, "device", "enroll", "B0001-A1")
    assert "needs role admin" in refused.stderr, refused
    code = act_as("admin", trial, "--quiet", "device", "enroll", "B0001-A1")
    assert code.returncode == 0 and len(code.stdout.strip()) > 20, code
    os.utime(trial.folder / "operator/token", (0, 0))
    trial.make_people()
    renewed = (trial.folder / "operator/token").read_text(encoding="utf-8")
    assert renewed != tokens["operator"] and act_as("operator", trial, "rollout", "list").returncode == 0
