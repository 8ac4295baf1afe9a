"""Bad input gets a clear answer and changes nothing."""

import hashlib
import json
import signal
import subprocess

import pytest
from harness.plan import APPLICATION, VERSION, fleet, plan
from harness.programs import BIN
from harness.stack import CONTENT
from harness.wait import wait_for

LATER = {"startAt": "2099-01-01T00:00:00Z"}


def open_testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    return stack


@pytest.fixture
def testbed(stack):
    return open_testbed(stack)


def refuse(testbed, document, status=422):
    before = testbed.database.everything()
    answer = testbed.http.submit(document)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status and problem["detail"]
    assert testbed.database.everything() == before
    return problem


# ---- plans ------------------------------------------------------------------------------------


def test_a_plan_that_is_not_yaml(untouched):
    problem = refuse(untouched, "spec: {action: [install\n", 422)
    assert problem["errors"][0]["line"] >= 1


def test_a_plan_with_unknown_and_duplicate_keys(untouched):
    document = "colour: red\n" + plan() + "kind: Rollout\n"
    paths = [error["path"] for error in refuse(untouched, document)["errors"]]
    assert "colour" in paths
    assert "kind" in paths


def test_a_plan_with_many_faults_gets_all_of_them_with_their_places(untouched):
    document = """apiVersion: tellercast/v1
kind: Rollout
metadata: {name: "no spaces allowed"}
spec:
  action: explode
  artifact: {name: atm-app, version: 4.7.2}
  schedule:
    startAt: tomorrow
    windows: [{days: [noday], start: "25:00", duration: 3h}]
  rate: {perMinute: 010}
  execution: {installTimeout: 1_000, retries: many}
  unheard: of
"""
    errors = {error["path"]: error for error in refuse(untouched, document)["errors"]}
    expected = {
        "metadata.name": 3, "spec.action": 5, "spec.schedule.startAt": 8, "spec.schedule.windows[0].days[0]": 9,
        "spec.schedule.windows[0].start": 9, "spec.rate.perMinute": 10, "spec.execution.installTimeout": 11,
        "spec.execution.retries": 11, "spec.unheard": 12,
    }
    assert {path: errors[path]["line"] for path in expected} == expected
    assert errors["spec.rate.perMinute"]["column"] == 21
    assert "010" in errors["spec.rate.perMinute"]["detail"]


def test_a_plan_that_selects_no_device(untouched):
    refuse(untouched, plan(selector={"matchLabels": {"model": "abacus"}}))


def test_a_plan_that_names_an_unknown_artifact(untouched):
    problem = refuse(untouched, plan(artifact={"name": "atm-app", "version": "0.0.1"}))
    assert "0.0.1" in json.dumps(problem)


def test_a_plan_that_names_an_unknown_branch_or_device(untouched):
    problem = refuse(untouched, plan(selector={"branches": ["B1", "B404"], "devices": ["A404"]}))
    assert "B404" in json.dumps(problem)
    assert "A404" in json.dumps(problem)


def test_a_plan_whose_end_has_passed(untouched):
    problem = refuse(untouched, plan(schedule={"endAt": "2020-01-01T00:00:00Z"}))
    assert [error["path"] for error in problem["errors"]] == ["spec.schedule.endAt"]


def test_faults_that_only_the_database_finds_are_reported_all_at_once(untouched):
    document = plan(
        selector={"branches": ["B404"]},
        artifact={"name": "atm-app", "version": "0.0.1"},
        schedule={"timeZone": "Mars/Base", "endAt": "2020-01-01T00:00:00Z"},
    )
    paths = {error["path"] for error in refuse(untouched, document)["errors"]}
    assert paths == {"spec.selector.branches[0]", "spec.artifact", "spec.schedule.timeZone", "spec.schedule.endAt"}


def test_a_plan_over_one_mebibyte(untouched):
    refuse(untouched, plan() + "# " + "x" * (1 << 20) + "\n", 413)


def test_a_plan_over_one_mebibyte_by_socket(untouched):
    answer = untouched.orchestrators[0].submit_by_socket("# " + "x" * (1 << 20) + "\n")
    assert answer["status"] == 413


# ---- fleets and artifacts ---------------------------------------------------------------------


def test_a_bad_fleet_changes_nothing_and_every_fault_has_its_line(untouched):
    before = untouched.database.everything()
    document = fleet({"B8": ["A8"]}) + "- {id: 'bad id', role: atm, branch: B8}\n- {id: A9, role: hat, branch: B8}\n"
    answer = untouched.http.import_fleet(document)
    assert answer.status == 422, answer
    lines = [error["line"] for error in answer.json()["errors"]]
    last = document.count("\n")
    assert {last - 1, last} <= set(lines)
    assert untouched.database.everything() == before


def test_a_fleet_with_an_unknown_zone_changes_nothing(untouched):
    before = untouched.database.everything()
    answer = untouched.http.import_fleet(fleet({"B8": ["A8"]}, zones={"B8": "Mars/Olympus"}))
    assert answer.status == 422 and "Mars/Olympus" in answer.body.decode()
    assert untouched.database.everything() == before


def test_a_fleet_with_very_many_faults_says_how_many_there_are(untouched):
    branches = {f"B{number}": [] for number in range(300)}
    problem = untouched.http.import_fleet(fleet(branches, zones=dict.fromkeys(branches, "Mars/Olympus"))).json()
    assert problem["detail"] == "the fleet has 300 faults"
    assert len(problem["errors"]) == 200


def test_an_artifact_with_the_wrong_digest(untouched):
    answer = untouched.http.add_artifact(b"other", version="1", digest=hashlib.sha256(b"one").hexdigest())
    assert answer.status == 422
    assert untouched.http.get(f"/v1/artifacts/{hashlib.sha256(b'one').hexdigest()}").status == 404


def test_an_artifact_name_and_version_taken_by_another_content(untouched):
    assert untouched.http.add_artifact(b"something else").status == 409
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert untouched.http.get(f"/v1/artifacts/{digest}").body == CONTENT


def test_a_full_disk_leaves_nothing_of_an_artifact_behind(stack, tmp_path):
    small = stack.folder / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small disk")
    try:
        orchestrator = stack.orchestrator(ready=False, data_folder=str(small)).wait_until_ready()
        content = b"x" * 1_000_000
        answer = orchestrator.http.add_artifact(content, version="1")
        assert answer.status == 507, answer
        assert [path for path in small.rglob("*") if path.is_file() and path.stat().st_size > 4096] == []
        assert orchestrator.http.add_artifact(b"small", version="2").status == 201
        orchestrator.stop()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# ---- messages of devices ----------------------------------------------------------------------


@pytest.fixture
def claimed(testbed):
    """A1 has its instruction; A2 is another device."""
    testbed.first = testbed.device("A1", "B1")
    testbed.other = testbed.device("A2", "B1")
    testbed.rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_state(testbed.rollout, "A1", "dispatched")
    testbed.first.ask()
    testbed.claims = testbed.first.wait_for_instruction()
    testbed.wait_for_state(testbed.rollout, "A1", "sent")
    return testbed


def test_a_reply_for_an_unknown_instruction(claimed):
    before = claimed.database.everything()
    sequence = claimed.first.reply({"instruction": 999999, "attempt": 1}, "completed")
    assert claimed.first.wait_for_confirm(sequence)["accepted"] is False
    assert claimed.database.everything() == before


def test_a_reply_for_another_devices_instruction(claimed):
    before = claimed.database.everything()
    sequence = claimed.other.reply(claimed.claims, "completed")
    confirm = claimed.other.wait_for_confirm(sequence)
    assert confirm["accepted"] is False and confirm["reason"]
    assert claimed.database.everything() == before


def test_a_reply_for_an_attempt_that_never_was(claimed):
    before = claimed.database.everything()
    sequence = claimed.first.reply({**claimed.claims, "attempt": 7}, "completed")
    assert claimed.first.wait_for_confirm(sequence)["accepted"] is False
    assert claimed.database.everything() == before


def bad_replies(instruction):
    good = {"instruction": instruction, "attempt": 1, "sequence": 1, "state": "completed"}
    yield "wrong type", json.dumps({**good, "instruction": "77"})
    yield "wrong state", json.dumps({**good, "state": "exploded"})
    yield "state of a number", json.dumps({**good, "state": 5})
    yield "absurd number", '{"instruction":1e300,"attempt":1,"sequence":1,"state":"completed"}'
    yield "huge integer", json.dumps({**good, "sequence": 10**30})
    yield "negative", json.dumps({**good, "attempt": -1})
    yield "progress over the top", json.dumps({**good, "state": "installing", "progress": 1000})
    yield "64 KiB and one", json.dumps(good).ljust(65537)
    yield "not UTF-8", json.dumps({**good, "detail": "X"}).encode().replace(b"X", b"\xff\xfe")
    yield "deep nesting", json.dumps(good)[:-1] + ',"x":' + "[" * 5000 + "]" * 5000 + "}"
    yield "duplicate key", json.dumps(good)[:-1] + ',"state":"failed"}'
    yield "no JSON", "completed"
    yield "nothing", ""
    yield "a NUL", b'{"instruction":1,\x00}'


@pytest.mark.plain_broker
def test_replies_that_cannot_be_read_change_nothing(claimed):
    before = claimed.database.everything()
    http = claimed.http
    seen = http.metric("tellercast_statuses_refused_total") + http.metric("tellercast_broker_messages_refused_total")
    replies = list(bad_replies(claimed.claims["instruction"]))
    for _, payload in replies:
        claimed.first.send_reply(payload)

    def refused():
        return (http.metric("tellercast_statuses_refused_total")
                + http.metric("tellercast_broker_messages_refused_total") - seen) == len(replies)

    wait_for(refused, "each of them is counted as refused")
    assert claimed.database.everything() == before
    claimed.first.reply(claimed.claims, "completed")
    claimed.wait_for_state(claimed.rollout, "A1", "completed")


def test_an_ask_of_an_unknown_device_gets_nothing(claimed):
    before = claimed.database.everything()
    stranger = claimed.device("STRANGER")
    stranger.ask({APPLICATION: VERSION})
    wait_for(lambda: claimed.http.metric("tellercast_asks_unknown_device_total") == 1, "the ask is counted")
    claimed.other.ask()
    claimed.other.wait_for_nothing()
    assert stranger.answers() == []
    assert claimed.database.everything() == before


def test_an_ask_that_cannot_be_read_is_counted_and_changes_nothing(claimed):
    before = claimed.database.everything()
    claimed.other.publish("tc/v1/device/A2/ask", "{versions")
    wait_for(lambda: claimed.http.metric("tellercast_asks_refused_total") == 1, "the ask is refused")
    assert claimed.database.everything() == before


@pytest.mark.denied_by_guard
def test_a_device_cannot_speak_for_another(claimed):
    """The broker's access list stops the message."""
    before = claimed.database.everything()
    claimed.other.publish("tc/v1/device/A1/reply", {
        "instruction": claimed.claims["instruction"], "attempt": 1, "sequence": 5, "state": "completed"})
    claimed.other.publish("tc/v1/rollout/submit", plan("stolen"))
    sequence = claimed.other.reply(claimed.claims, "completed")  # its own topic, after the others
    claimed.other.wait_for_confirm(sequence)
    assert claimed.database.everything() == before


# ---- settings and servers ---------------------------------------------------------------------


def test_a_settings_file_with_a_typo_is_refused_by_its_line(stack):
    file = stack.folder / "typo.yaml"
    file.write_text("broker:\n  prot: 1883\nqueue_limit: lots\n", encoding="utf-8")
    for option in ("--check-config", None):
        command = [BIN / "tellercastd", "--config", file] + ([option] if option else [])
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode != 0
        assert "typo.yaml:2:3" in done.stderr and "broker.prot" in done.stderr
        assert "typo.yaml:3:14" in done.stderr and "queue_limit" in done.stderr


# Settings that the table allows, but with which no orchestrator could start or become ready.
CANNOT_START = [
    ("database: 'postgresql://ann:pa@s3cr@127.0.0.1/bank'", "database: invalid connection string"),
    ("topic_root: 'tc/#'", 'topic_root: found "tc/#"'),
    ("topic_root: ''", 'topic_root: found ""'),
    ("data_folder: ''", "data_folder: must be the path of a folder"),
    (f"data_folder: /{'d/' * 2040}d", "data_folder: the path is too long"),
    ("broker: {host: ''}", "broker.host: must be a host name or an address"),
    ("broker: {certificate_file: /dev/null}", "broker.key_file: must be set, since broker.certificate_file is"),
    ("redis: {prefix: 'a b'}", 'redis.prefix: found "a b"'),
    ("redis: {user: 'a b', password_file: /none}", 'redis.user: found "a b"'),
    ("redis: {user: tellercast}", "redis.password_file: must be set, since redis.user is"),
    ("database_migration: nonsense", "database_migration: database: invalid connection string"),
    ("redis: {host: ''}", "redis.host: must be set, since redis.socket is empty"),
    ("http: {listen: nowhere.example}", 'http.listen: found "nowhere.example"'),
    ("http: {listen: 0.0.0.0}", "http.certificate_file: must be set, since http.listen, 0.0.0.0, is not on loopback"),
    ("http: {public_url: 'localhost:8080'}", 'http.public_url: found "localhost:8080"'),
    ("est: {port: 8085}", "est.certificate_file: must be set, since est.port is"),
    ("est: {device_issuer_key_file: /dev/null}",
     "est.device_issuer_certificate_file: must be set, since est.device_issuer_key_file is"),
    ("http: {key_file: /dev/null}", "http.certificate_file: must be set, since http.key_file is"),
    ("http: {device_issuer_file: /none}", "http.certificate_file: must be set, since http.device_issuer_file is"),
    ("http: {certificate_file: /none, key_file: /none, device_issuer_file: /dev/null}",
     "http.device_issuer_file: /dev/null: expected a certificate"),
    (f"socket: {{path: /{'s' * 120}}}", "socket.path: /sss"),
    ("oidc: {issuer: 'http://idp.example/'}", "oidc.issuer: must be an https:// URL"),
    ("oidc: {issuer: 'https://ann:s3cr@idp.example/'}", "oidc.issuer: must be an https:// URL"),
    ("oidc: {issuer: 'https://idp.example/?realm=1'}", "oidc.issuer: must have no query"),
    ("oidc: {issuer: 'https://idp.example', groups_claim: ''}", "oidc.groups_claim: must be the name of a claim"),
    ("oidc: {audience: tellercast}", "oidc.issuer: must be set, since oidc.audience is"),
    ("oidc: {issuer: 'https://idp.example', client_id: a, audience: a}", "oidc.audience: must not be oidc.client_id"),
    ("oidc: {issuer: 'https://idp.example', client_id: a, redirect_url: 'https://a.example/'}", "oidc.redirect_url: must end"),
    ("oidc: {issuer: 'https://idp.example', client_id: a, redirect_url: 'http://a.example/v1/login/callback'}",
     "oidc.redirect_url: must be an https:// URL"),
    ("oidc: {keys_max_age: 1s, keys_refresh: 1s}", "oidc.keys_max_age: must be more than oidc.keys_refresh"),
]
# Files that the settings name; --check-config reads them as the start does.
NO_FILE = ["broker: {password_file: /none}", "redis: {password_file: /none}", "broker: {ca_file: /none}",
           "http: {tokens_file: /none}", "http: {certificate_file: /none, key_file: /none}",
           "oidc: {client_secret_file: /none}",
           "http: {certificate_file: /dev/null, key_file: /dev/null, device_issuer_file: /none}"]


@pytest.mark.parametrize("text, said", [*CANNOT_START, *[(text, "_file: /none: ") for text in NO_FILE]])
def test_what_a_start_refuses_is_refused_when_it_is_checked(tmp_path, text, said):
    file = tmp_path / "tellercastd.yaml"
    file.write_text(text + "\ninsecure_loopback: true\n", encoding="utf-8")
    done = subprocess.run([BIN / "tellercastd", "--config", file, "--check-config"], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 1 and f"{file}: " in done.stderr and said in done.stderr, done.stderr
    assert "s3cr" not in done.stderr


def test_users_of_redis_are_not_printed_without_a_user_or_its_password(tmp_path):
    file = tmp_path / "tellercastd.yaml"
    for text, said in (("redis: {prefix: tc}", "redis.user: must be set"),
                       ("redis: {user: tellercast, password_file: /none}", "/none")):
        file.write_text(text + "\n", encoding="utf-8")
        done = subprocess.run([BIN / "tellercastd", "--config", file, "--print-redis-acl"], capture_output=True, text=True,
                              check=False, timeout=30)
        assert done.returncode == 1 and said in done.stderr and not done.stdout, done.stderr


def test_what_a_start_refuses_is_refused_at_sighup(stack):
    orchestrator = stack.orchestrator()
    file = orchestrator.file
    kept = file.read_text(encoding="utf-8")
    file.write_text("database: 'postgresql://ann:pa@s3cr@127.0.0.1/bank'\nlog: {level: warning}\n", encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    wait_for(lambda: "settings.refused" in orchestrator.text(), "the settings are refused")
    assert "invalid connection string" in orchestrator.text() and "s3cr" not in orchestrator.text()
    file.write_text(kept, encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    wait_for(lambda: "settings.reloaded" in orchestrator.text(), "the good ones are taken")


@pytest.mark.parametrize("program", ["tellercastd --print-config", "tellercastd --print-states",
                                     "tellercastd --version", "tellercastd --help", "tellercast-atm --print-config",
                                     "tellercast-atm --version", "tellercast-atm --help",
                                     "tellercast fleet generate"])
def test_what_cannot_be_printed_is_no_success(program):
    name, *arguments = program.split()
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / name, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1
    assert name in done.stderr


def test_a_bad_file_at_a_reload_leaves_the_old_settings_in_force(testbed):
    orchestrator = testbed.orchestrators[0]
    orchestrator.file.write_text("nonsense: true\n", encoding="utf-8")
    orchestrator.send(signal.SIGHUP)
    orchestrator.wait_until(lambda: "settings.refused" in orchestrator.text(), "the reload is refused")
    faults = [line for line in orchestrator.text().splitlines() if "nonsense" in line]
    assert len(faults) == 1 and " error settings.fault " in faults[0] and " line=1 " in faults[0], faults
    testbed.submit(schedule=LATER)


def test_what_the_database_says_beside_its_answers_is_an_event(testbed):
    testbed.database.rows("CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS "
                          "$$ BEGIN RAISE WARNING E'a word\\nof warning'; RETURN NULL; END $$")
    testbed.database.rows("CREATE TRIGGER warn AFTER INSERT ON device EXECUTE FUNCTION warn()")
    testbed.import_fleet({"B1": ["A1", "A2"]})
    testbed.import_fleet({"B8": ["A8"]})
    lines = testbed.orchestrators[0].text().splitlines()
    assert not [line for line in lines if "NOTICE" in line or "already exists" in line]
    warnings = [line for line in lines if "of warning" in line]
    assert warnings and all(' info database.notice ' in line and 'text="a word of warning"' in line
                            for line in warnings), warnings


@pytest.mark.parametrize("server", ["postgres", "redis", "broker"])
def test_a_server_that_is_not_there_at_start_is_named_and_waited_for(stack, server):
    nowhere = {
        "postgres": {"database": f"host={stack.folder} dbname=none"},
        "redis": {"redis": {"socket": str(stack.folder / "none.sock")}},
        "broker": {"broker": {"port": 1}},
    }[server]
    part = {"postgres": "database", "redis": "cache", "broker": "broker"}[server]
    orchestrator = stack.orchestrator(ready=False, **nowhere)

    def readiness():
        if not orchestrator.http.answers("/healthz"):
            return None
        answer = orchestrator.http.get("/readyz")
        document = answer.json()
        others = [name for name in ("database", "cache", "broker") if name != part]
        return document if answer.status == 503 and all(document[name] == "ok" for name in others) else None

    if server == "postgres":
        answer = orchestrator.wait_until(
            lambda: orchestrator.http.answers("/healthz") and orchestrator.http.get("/readyz"), "it answers")
        assert answer.status == 503 and answer.json()["database"] != "ok"
        wait_for(lambda: orchestrator.http.get("/readyz").json()["database"] == "database: does not answer", "it was looked for")
        assert str(stack.folder) in orchestrator.text(), "the log says where it was looked for"
    else:
        document = orchestrator.wait_until(readiness, "it says what is missing")
        assert document["ready"] is False and document[part] != "ok" and str(stack.folder) not in document[part], document
    assert orchestrator.is_running()


@pytest.mark.parametrize("server", ["redis", "broker"])
def test_a_server_that_goes_away_comes_back_into_use(testbed, server):
    orchestrator = testbed.orchestrators[0]
    victim = testbed.redis_server if server == "redis" else testbed.broker
    victim.kill()
    orchestrator.wait_until(lambda: not orchestrator.is_ready(), "it says that it is not ready")
    assert orchestrator.http.answers("/healthz")
    victim.start()
    orchestrator.wait_until_ready()
    device = testbed.device("A1", "B1")
    rollout = testbed.submit(selector={"devices": ["A1"]})
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    testbed.wait_for_state(rollout, "A1", "completed")


def test_a_database_that_goes_away_refuses_plans_and_comes_back_into_use(testbed, postgres):
    orchestrator = testbed.orchestrators[0]
    postgres.kill()
    try:
        orchestrator.wait_until(lambda: not orchestrator.is_ready(), "it says that it is not ready")
        assert testbed.http.submit(plan(schedule=LATER)).status == 503
    finally:
        postgres.start()
    orchestrator.wait_until_ready()
    rollout = testbed.submit(schedule=LATER)
    testbed.wait_for_states(rollout, created=4)
