"""The substates of an instruction: the API shows them, and they are right beside an orchestrator of the version before, which
does not know them. The folder version_before has exact copies of the statements of that version. They are frozen: do not edit
them. The version after this one deletes the folder."""

import pytest
from harness.operations import operate
from harness.servers import ROOT
from harness.wait import wait_for

BEFORE = ROOT / "tests/scenario/version_before"
TYPES = {
    "claim_due": "bigint, bigint, text, bigint, bigint, bigint[], bigint, bigint, bigint, bigint, int, bigint[], bigint, "
                 "bigint, bigint, bigint",
    "end_waiting": "bigint, bigint, smallint, text, int",
    "move_decided": "bigint[], smallint[], int[], smallint[], bigint[], bigint[], text[], int",
    "move_reported": "bigint[], text[], int[], smallint[], int[], smallint[], text[], text[], text[], int",
    "retry_ended": "bigint, int",
    "withdraw_dispatched": "bigint, bigint, bigint",
}
CREATED, DISPATCHED, SENT, RECEIVED, INSTALLING, COMPLETED, FAILED, REJECTED, TIMED_OUT, CANCELLED, EXPIRED = range(11)
ANSWERED, ON_RECEIVED, ON_INSTALLING, ON_COMPLETED, ON_FAILED, ON_REJECTED, ON_DEFERRED = range(1, 8)
NOW_MS, SOON_MS = "(extract(epoch FROM now()) * 1000)::bigint", 1000


class VersionBefore:
    """Writes like an orchestrator of the version before, one device at a time."""

    def __init__(self, stack, device="A1", **spec):
        stack.orchestrator(conductor={"period": "1m"}, scheduler={"period": "1m"})
        stack.import_fleet({"B1": [device]})
        stack.add_artifact()
        spec.setdefault("schedule", {"startAt": "2027-01-10T00:00:00Z"})
        self.rollout = stack.submit(selector={"devices": [device]}, **spec)
        self.device, self.database = device, stack.database
        wait_for(lambda: self.database.rollout(self.rollout)["state"] == "running", "it is planned")
        self._connection = self.database.connect()
        self._cursor = self._connection.cursor()
        for name, types in TYPES.items():
            text = (BEFORE / f"{name}.sql").read_text(encoding="utf-8")
            self._cursor.execute(f"PREPARE {name} ({types}) AS {text.replace('%', '%%')}")
        self.id = self.row["id"]

    @property
    def row(self):
        return self.database.instruction(self.rollout, self.device)

    @property
    def substate(self):
        return f"{self.row['state_name']}/{self.row['substate_name']}"

    def run(self, name, *values):
        self._cursor.execute(f"EXECUTE {name} ({', '.join(['%s'] * len(values))})", values)

    def claim(self):
        self.database.rows("UPDATE instruction SET due_at = now() WHERE id = %s", self.id)
        minute = 60_000
        self.run("claim_due", self.rollout, 10, "before", minute, minute, [], minute, minute, minute, minute, 0, [], 10, 0, 0, 0)

    def report(self, event, attempt=None, sequence=1, code=""):
        self.run("move_reported", [self.id], [self.device], [attempt or self.row["attempt"]], [event], [sequence], [-1], [code],
                 [""], [""], 0)

    def decide(self, to, due=False, wake=True, code=""):
        now_ms = self.database.value(f"SELECT {NOW_MS}")
        row = self.row
        self.run("move_decided", [self.id], [row["state"]], [row["attempt"]], [to], [now_ms if due else 0],
                 [now_ms if wake else 0], [code], 0)

    def close(self):
        self._connection.close()


@pytest.fixture
def before(stack):
    version = VersionBefore(stack)
    version.database.rows("UPDATE rollout_window SET opens_at = now() - interval '1 h'")
    yield version
    version.close()


def test_an_attempt_that_the_version_before_fails_is_undecided_until_it_has_decided(before):
    before.claim()
    assert before.substate == "dispatched/active"
    before.report(ANSWERED)
    before.report(ON_RECEIVED)
    before.report(ON_INSTALLING)
    assert before.substate == "installing/active"
    before.report(ON_FAILED)
    assert before.substate == "failed/undecided"
    before.decide(CREATED, due=True, wake=False)
    assert before.substate == "created/scheduled"
    before.claim()
    before.report(ON_FAILED)
    before.decide(FAILED, wake=False)
    assert before.substate == "failed/final"
    before.run("retry_ended", before.rollout, 0)
    assert before.substate == "created/scheduled"
    before.run("end_waiting", before.rollout, 10, EXPIRED, "rollout_ended", 0)
    assert before.substate == "expired/final"


def test_what_the_version_before_puts_off_is_deferred_and_admits_a_report(before):
    before.claim()
    before.report(ON_RECEIVED)
    before.report(ON_DEFERRED)
    assert before.substate == "created/deferred"
    before.decide(CREATED, due=True, wake=False)
    assert before.substate == "created/scheduled"
    before.database.rows("UPDATE instruction SET due_at = NULL WHERE id = %s", before.id)  # as after a restore
    assert before.substate == "created/admitted"
    before.report(ON_COMPLETED)
    assert before.substate == "completed/final"


def test_what_the_version_before_withdraws_is_withdrawing_until_an_answer_was_under_way(before):
    before.claim()
    before.run("withdraw_dispatched", before.rollout, SOON_MS, 10)
    assert before.substate == "dispatched/active", "what is on its way to the broker is left"
    before.database.rows("DELETE FROM claim")
    before.run("withdraw_dispatched", before.rollout, SOON_MS, 10)
    assert before.substate == "dispatched/withdrawing"
    before.decide(CANCELLED, code="rollout_cancelled")
    assert before.substate == "cancelled/final"
    before.database.rows("UPDATE instruction SET state = 0, due_at = now(), wake_at = NULL, withdrawn_at = NULL WHERE id = %s",
                         before.id)
    before.claim()
    before.database.rows("DELETE FROM claim")
    before.run("withdraw_dispatched", before.rollout, SOON_MS, 10)
    before.report(ON_RECEIVED)
    assert before.row["withdrawn_at"] is not None and before.substate == "received/active"


def test_what_the_version_before_gives_up_may_install_until_an_installation_would_be_over(before):
    install_timeout = 3600
    for event, code in ((ANSWERED, "atm_silent"), (ON_RECEIVED, "not_installing")):
        before.claim()
        before.report(event)
        before.decide(TIMED_OUT, code=code)
        row = before.row
        assert before.substate == "timed_out/undecided"
        assert (row["may_install_until"] - row["start_before"]).total_seconds() == install_timeout
        before.decide(CREATED, due=True, wake=False)
        assert before.row["may_install_until"] == row["may_install_until"]
    before.claim()
    assert before.row["may_install_until"] is None
    before.decide(TIMED_OUT, code="not_asked")
    assert before.row["may_install_until"] is None, "it was never answered"
    before.decide(CREATED, due=True, wake=False)
    before.claim()
    before.report(ANSWERED)
    before.decide(TIMED_OUT, code="atm_silent")
    before.report(ON_COMPLETED)
    assert before.substate == "completed/final" and before.row["may_install_until"] is None


def test_what_has_no_window_left_when_the_version_before_looks_waits_for_the_end(stack):
    before = VersionBefore(stack, schedule={"startAt": "2027-01-10T00:00:00Z", "windows": [{"start": "01:00", "duration": "3h"}]})
    before.database.rows("UPDATE rollout_window SET opens_at = now() - interval '2 day', closes_at = now() - interval '1 day' "
                         "WHERE opens_at = (SELECT min(opens_at) FROM rollout_window)")
    before.database.rows("DELETE FROM rollout_window WHERE opens_at > now()")
    before.claim()
    assert before.substate == "created/no_window"
    before.close()


# ---- the API -------------------------------------------------------------------------------------------------------


def test_a_deferred_withdrawn_or_given_up_instruction_is_shown_with_its_substate(stack):
    stack.orchestrator(conductor={"period": "1m"})
    stack.import_fleet({"B1": ["A1", "A2", "A3"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1", "A2", "A3"]})
    stack.wait_for_states(rollout, dispatched=3)
    for name, report in (("A1", "deferred"), ("A2", "failed")):
        device = stack.device(name, "B1")
        device.ask()
        device.wait_for_confirm(device.reply(device.wait_for_instruction(), report, confirm=True))
    shown = {item["device"]: f"{item['state']}/{item['substate']}"
             for item in stack.http.document(f"/v1/rollouts/{rollout}/instructions")["instructions"]}
    assert shown == {"A1": "created/deferred", "A2": "failed/undecided", "A3": "dispatched/active"}
    assert stack.http.document("/v1/devices/A1")["instructions"][0]["substate"] == "deferred"
    document = stack.http.document(f"/v1/rollouts/{rollout}")
    assert document["substates"] == document["groups"][0]["substates"] == {"deferred": 1, "withdrawing": 0, "undecided": 1}
    (listed,) = stack.http.document("/v1/rollouts")["rollouts"]
    assert listed["substates"] == document["substates"]


def test_a_cancelled_instruction_is_final_at_once(stack):
    stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    rollout = stack.submit(selector={"devices": ["A1"]})
    stack.wait_for_states(rollout, dispatched=1)
    stack.database.rows("CREATE TABLE seen AS SELECT state, wake_at FROM instruction WHERE false")
    stack.database.rows("CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (NEW.state, "
                        "NEW.wake_at); RETURN NULL; END $$")
    stack.database.rows("CREATE TRIGGER see AFTER UPDATE ON instruction FOR EACH ROW EXECUTE FUNCTION see()")
    operate(stack, rollout, "cancel")
    stack.wait_for_rollout(rollout, "cancelled")
    cancelled = stack.database.rows("SELECT wake_at FROM seen WHERE state = %s", CANCELLED)
    assert cancelled == [{"wake_at": None}]
