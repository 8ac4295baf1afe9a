"""`device collect`: a device gives one of its files. It takes no budget, and waits for no freeze and no other machine."""

import json
import stat

import psycopg2
import pytest
from harness.database import STATES
from harness.enrolment import Est
from harness.operations import JSON, post_operation, revise
from harness.plan import VERSION, plan
from harness.programs import command_line
from harness.secure import SecureListener
from harness.wait import wait_for
from test_freezes import freeze

pytestmark = pytest.mark.plain_broker

FILES = r"""#!/bin/bash
[[ $1 == versions ]] && { cat "$(dirname "$0")/versions" 2>/dev/null; exit 0; }
[[ $1 == collect ]] || exit 0
[[ $(<"$TELLERCAST_PARAMETERS") == *'"journal"'* ]] || { echo "no file of this name"; exit 44; }
echo "version atm-app 9.9"
echo "$TELLERCAST_DEVICE paid out to 4111 1111 1111 1111"
"""
CONTENT = "version atm-app 9.9\n{} paid out to **** **** **** ****\n"
SOON_S, PAUSED, TIMED_OUT = 10, 4, 6
CREATED = STATES.index("created")
BUDGET = {"maxUnavailable": 1}


class Devices:
    """A branch of a node and two machines, and a pull client: with certificates, and an endpoint that takes their files."""

    def __init__(self, stack):
        self.stack, self.database = stack, stack.database
        self.est = Est(stack)
        stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
        stack.add_artifact()
        self.listener = SecureListener(stack, self.est.authority())
        script = stack.folder / "files"
        script.write_text(FILES, encoding="utf-8")
        script.chmod(stat.S_IRWXU)
        self.actions = {"install": str(script), "collect": str(script)}

    def start(self, role, name, branch=None, **settings):
        certificate = self.est.issue("device", name)
        return self.stack.start_client(
            role, name, branch, actions=self.actions,
            broker={"port": self.listener.port, "ca_file": str(self.est.pki / "operations/trust.pem"),
                    "certificate_file": str(certificate), "key_file": str(certificate.parent / "key.pem")},
            enrolment={"ca_file": str(self.est.ca_file)}, logs={"url": self.est.url, **settings})

    def word(self, *words, **more):
        return command_line(*words, "--server", self.stack.http.url, **more)

    def collect(self, device, *words, name="journal", **more):
        return self.word("device", "collect", device, "--name", name, "--reason", "a dispute", *words, **more)

    def order(self, device, name="journal", **headers):
        body = json.dumps({"file": name, "reason": "a dispute"})
        return self.stack.http.ask("POST", f"/v1/devices/{device}/collect", body, {**JSON, **headers})

    def logs(self):
        return self.database.rows("SELECT * FROM device_log ORDER BY id")


@pytest.fixture
def devices(stack):
    return Devices(stack)


def test_a_pull_client_gives_a_file_masked_and_the_order_and_the_reading_are_recorded(devices, tmp_path):
    devices.start("pull", "P1")
    assert devices.collect("P1", "--wait").stdout == CONTENT.format("P1")
    (log,) = devices.logs()
    row = devices.database.rollout(log["rollout_id"])
    assert row["door"] == "collect" and row["author"] == devices.database.value("SELECT person FROM act WHERE verb = 'collect'")
    instruction = devices.database.instruction(row["id"], "P1")
    wait_for(lambda: devices.database.instruction(row["id"], "P1")["ended_at"], "the device has said that it is done")
    assert (log["received_at"] - (instruction["received_at"] or log["received_at"])).total_seconds() < SOON_S
    acts = devices.database.rows("SELECT verb, object, reason FROM act WHERE verb IN ('collect', 'open_log') ORDER BY number")
    assert [act["verb"] for act in acts] == ["collect", "open_log"] and acts[0]["reason"] == "a dispute"
    assert str(log["id"]) in devices.word("device", "logs", "P1").stdout.split()

    file = tmp_path / "journal"
    devices.collect("P1", "-o", str(file))
    assert file.read_text(encoding="utf-8") == CONTENT.format("P1")
    installed = devices.database.value("SELECT versions FROM device WHERE id = 'P1'")
    assert "9.9" not in json.dumps(installed), "a line of a file is no command"
    devices.stack.wait_for_rollout(row["id"])
    listed = devices.word("rollout", "list", "--json").stdout
    assert row["name"] not in listed and row["name"] in devices.word("rollout", "status", row["name"]).stdout


def test_a_machine_behind_its_node_gives_a_file_during_a_freeze_and_takes_no_budget_of_its_branch(devices):
    stack = devices.stack
    stack.people.add("ola", ("operator",))
    stack.people.known(stack.http, "ola")
    devices.start("node", "B1", "B1")
    devices.start("atm", "A1", "B1")
    busy = stack.submit("busy", selector={"devices": ["A2"]}, disruptionBudget=BUDGET)
    stack.wait_for_state(busy, "A2", "dispatched")  # nobody is A2: the branch is at its budget
    freeze(stack, None)
    assert devices.collect("A1", "--wait", "--timeout", "60s").stdout == CONTENT.format("A1")
    assert devices.collect("B1", "--wait", "--timeout", "60s").stdout == CONTENT.format("B1"), "the node itself, too"


def test_a_collect_that_nobody_answers_delays_no_other_machine_and_waits_with_its_own(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1", "A2"]})
    stack.add_artifact()
    first, second = stack.device("A1", "B1"), stack.device("A2", "B1")
    answer = stack.http.ask("POST", "/v1/devices/A1/collect", json.dumps({"file": "journal", "reason": "r"}), JSON)
    assert answer.status == 201, answer
    collect = answer.json()["rollout"]
    stack.wait_for_state(collect, "A1", "dispatched")
    upgrade = stack.submit("upgrade", disruptionBudget=BUDGET, selector={"devices": ["A1", "A2"]})
    stack.wait_for_state(upgrade, "A2", "dispatched")
    second.ask()
    second.reply(second.wait_for_instruction(), "completed", versions={"atm-app": VERSION})
    stack.wait_for_state(upgrade, "A2", "completed")
    assert stack.database.instruction(upgrade, "A1")["state"] == CREATED, "it has one instruction at a time"
    told = {row["rollout"]: row for row in stack.http.get("/v1/devices/A1/why").json()["instructions"]}
    assert told[upgrade]["reasons"][0]["code"] == "device_busy", told
    assert (told[collect]["verdict"], told[collect]["reasons"][0]["code"]) == ("at_work", "ordered"), told
    assert stack.http.get(f"/v1/rollouts/{collect}/why").status == 200
    first.ask()
    claims = first.wait_for_instruction()
    assert (claims["action"], claims["parameters"]) == ("collect", {"file": "journal"})
    assert "artifact" not in claims
    first.reply(claims, "failed", code="out_of_service")
    stack.wait_for_state(collect, "A1", "failed")
    stack.wait_for_state(upgrade, "A1", "dispatched")
    assert not stack.database.rows("SELECT device FROM unavailable"), "it took nothing out of service"
    refused = command_line("device", "collect", "A1", "--name", "journal", "--reason", "r", "--wait", "--timeout", "1s",
                           "--server", stack.http.url, check=False)
    assert refused.returncode == TIMED_OUT and "no file yet" in refused.stderr


def test_what_cannot_be_collected_says_why(devices):
    devices.start("pull", "P1")
    missing = devices.collect("P1", "--wait", name="passwords", check=False)
    assert missing.returncode == 1 and "failed, installer_exit_44: no file of this name" in missing.stderr
    for device, name, status in (("P9", "journal", 404), ("P1", "../x", 422), ("P1", ".x", 422), ("P1", "", 422), ("not%20valid", "x", 404)):
        answer = devices.order(device, name)
        assert answer.status == status, answer
    key = {"Idempotency-Key": "once"}
    first, second, other = devices.order("P1", **key), devices.order("P1", **key), devices.order("P1")
    assert (first.status, second.status, other.status) == (201, 200, 201)
    assert first.json()["rollout"] == second.json()["rollout"] != other.json()["rollout"]
    assert devices.order("P1", **{"Idempotency-Key": "?"}).status == 400
    devices.word("device", "retire", "P1", "--reason", "stolen")
    assert devices.order("P1").status == 404


def test_a_policy_can_ask_for_a_second_person(stack):
    stack.orchestrator(policy={"approvals": [{"action": "collect", "count": 1}]})
    stack.import_fleet(pull=["P1"])
    done = command_line("device", "collect", "P1", "--name", "journal", "--reason", "r", "--wait", "--server", stack.http.url, check=False)
    assert done.returncode == PAUSED and "waits for a person: awaiting_approval" in done.stderr


def test_a_collect_that_waits_cannot_become_a_rollout_that_no_freeze_and_no_budget_holds(stack):
    stack.orchestrator(policy={"approvals": [{"action": "collect", "count": 1}]})
    stack.import_fleet({"B1": ["A1", "A2"]}, ["P1"])
    stack.add_artifact()
    order = json.dumps({"file": "journal", "reason": "r"})
    rollout = stack.http.ask("POST", "/v1/devices/P1/collect", order, JSON).json()["rollout"]
    stack.wait_for_rollout(rollout, "awaiting_approval")
    before = stack.database.rollout(rollout)
    answers = [revise(stack, rollout, plan(before["name"], selector={"branches": ["B1"]}))]
    answers += [post_operation(stack, rollout, operation, **more)
                for operation, more in (("skip", {"device": "P1"}), ("exclude", {"match": "branch=B1"}), ("skip:preview", {"device": "P1"}),
                                        ("exclude:preview", {"match": "branch=B1"}), ("rollback", {}),
                                        ("promote", {"group": "all"}), ("amendments", {"rate": {"perMinute": 30}}))]
    for answer in answers:
        assert answer.status == 409 and "collects a file of one device" in answer.json()["detail"], answer
    for change in ("plan = jsonb_set(plan, '{spec,action}', '\"install\"')", "plan = plan #- '{spec,action}'", "devices = 2"):
        with pytest.raises(psycopg2.errors.CheckViolation):
            stack.database.rows(f"UPDATE rollout SET {change} WHERE id = %s RETURNING id", rollout)
    assert stack.database.rollout(rollout) == before
    assert post_operation(stack, rollout, "cancel").status == 200
