"""Decisions of the conductor between the first device and the end of a rollout."""

import itertools

import pytest
from harness.operations import events, operate
from harness.wait import wait_for
from harness.wire import claims_of


@pytest.fixture
def testbed(stack):
    """An orchestrator, an artifact and a branch of three ATMs that the test acts for."""
    stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet({"B1": ["A1", "A2", "A3"]}, ["P1"])
    return stack


def take(testbed, rollout, name):
    """Lets the device ask once it may start. Returns the device and the claims of its instruction."""
    testbed.wait_for_state(rollout, name, "dispatched")
    device = testbed.device(name, "B1")
    device.ask()
    return device, device.wait_for_instruction()


def groups(testbed, rollout):
    rows = testbed.database.rows("SELECT name, state FROM rollout_group WHERE rollout_id = %s ORDER BY group_no", rollout)
    return [row["state"] for row in rows]


def wait_for_groups(testbed, rollout, *states):
    wait_for(lambda: groups(testbed, rollout) == list(states), f"the groups are {states}")


ATMS = {"devices": ["A1", "A2", "A3"]}


def test_a_group_out_of_reach_says_so_while_devices_are_still_at_work(testbed):
    rollout = testbed.submit(selector=ATMS, groups=[{"name": "pilot", "devices": ["A1", "A2"]},
                                                    {"name": "rest", "percentage": 100}])
    failing, first = take(testbed, rollout, "A1")
    working, second = take(testbed, rollout, "A2")
    failing.reply(first, "failed", code="no_space")
    wait_for_groups(testbed, rollout, "not_reached", "waiting")
    assert testbed.database.rollout(rollout)["state"] == "running", "one is still at work"
    working.reply(second, "completed")
    testbed.wait_for_rollout(rollout, "halted")
    assert testbed.database.states(rollout) == {"failed": 1, "completed": 1, "created": 1}
    kinds = [kind for kind, _ in events(testbed, rollout)]
    assert kinds[-2:] == ["group_not_reached", "halted"]


def test_a_rollout_of_which_every_device_failed_is_not_completed(testbed):
    """A gate of 0 % opens the next group in any case, but a rollout that failed on every device is not completed."""
    rollout = testbed.submit(selector={"devices": ["A1", "A2"]}, groups=[{"name": "first", "devices": ["A1"], "success": 0},
                                                                         {"name": "rest", "percentage": 100, "success": 0}])
    devices = {}
    for name in ("A1", "A2"):
        devices[name], claims = take(testbed, rollout, name)
        devices[name].reply(claims, "failed", code="no_space")
    testbed.wait_for_rollout(rollout, "halted")
    assert groups(testbed, rollout) == ["passed", "passed"]
    document = testbed.http.document(f"/v1/rollouts/{rollout}")
    assert document["detail"] == "none of its 2 executed devices completed"
    operate(testbed, rollout, "retry")
    for name, ends in (("A1", {"state": "failed", "code": "no_space"}), ("A2", {"state": "completed"})):
        testbed.wait_for_state(rollout, name, "dispatched")
        devices[name].ask()
        devices[name].reply(devices[name].wait_for_instruction(2), **ends)
    testbed.wait_for_rollout(rollout, "completed")


def test_after_a_retry_several_groups_are_open_and_each_passes_by_itself(testbed):
    rollout = testbed.submit(selector=ATMS, groups=[{"name": "pilot", "devices": ["A1"], "success": 0},
                                                    {"name": "rest", "percentage": 100}])
    device, claims = take(testbed, rollout, "A1")
    device.reply(claims, "failed", code="no_space")
    wait_for_groups(testbed, rollout, "passed", "open")
    operate(testbed, rollout, "retry")
    wait_for_groups(testbed, rollout, "open", "open")
    for name in ("A2", "A3"):
        other, others = take(testbed, rollout, name)
        other.reply(others, "completed")
    wait_for_groups(testbed, rollout, "open", "passed")
    assert testbed.database.rollout(rollout)["state"] == "running"
    testbed.wait_for_state(rollout, "A1", "dispatched")
    device.ask()
    device.reply(device.wait_for_instruction(2), "completed")
    testbed.wait_for_rollout(rollout, "completed")
    assert groups(testbed, rollout) == ["passed", "passed"]


def test_deadlines_go_on_in_a_paused_rollout_and_gates_do_not(testbed):
    rollout = testbed.submit(selector={"devices": ["A1"]}, execution={"answerTimeout": "2s"})
    take(testbed, rollout, "A1")
    testbed.wait_for_state(rollout, "A1", "sent")
    operate(testbed, rollout, "pause")
    testbed.wait_for_state(rollout, "A1", "timed_out")
    wait_for(lambda: testbed.database.instruction(rollout, "A1")["wake_at"] is None, "it is settled")
    assert (testbed.database.rollout(rollout)["state"], groups(testbed, rollout)) == ("paused", ["open"])
    operate(testbed, rollout, "resume")
    testbed.wait_for_rollout(rollout, "halted")


def test_what_fails_while_it_is_paused_does_not_pause_it_again(testbed):
    rollout = testbed.submit(selector=ATMS, abort=[{"on": "failed", "count": 1, "then": "pause"}],
                             groups=[{"name": "all", "percentage": 100, "success": 0}])
    first, second, third = (take(testbed, rollout, name) for name in ("A1", "A2", "A3"))
    for count, (device, claims) in enumerate((first, second), 1):
        device.reply(claims, "failed", code="no_space")
        wait_for(lambda: testbed.database.rollout(rollout)["abort_seen"] == [count], f"{count} were seen")
        assert testbed.database.rollout(rollout)["state"] == "paused"
    operate(testbed, rollout, "resume")
    third[0].reply(third[1], "completed")
    testbed.wait_for_rollout(rollout, "completed")
    assert [kind for kind, _ in events(testbed, rollout)].count("aborted") == 1


def test_what_fails_after_a_resume_pauses_it_again(testbed):
    rollout = testbed.submit(selector=ATMS, abort=[{"on": "failed", "count": 1, "then": "pause"}],
                             groups=[{"name": "all", "percentage": 100, "success": 0}])
    for name in ("A1", "A2"):
        device, claims = take(testbed, rollout, name)
        device.reply(claims, "failed", code="no_space")
        testbed.wait_for_rollout(rollout, "paused")
        operate(testbed, rollout, "resume")
    assert [kind for kind, _ in events(testbed, rollout)].count("aborted") == 2


def test_a_cancelled_instruction_is_taken_off_its_retained_topic_and_out_of_the_cache(testbed):
    rollout = testbed.submit(selector={"devices": ["P1"]})
    topic = "tc/v1/device/P1/instruction"
    assert testbed.spy.wait_for(topic)[0].payload
    operate(testbed, rollout, "cancel")
    testbed.wait_for_rollout(rollout, "cancelled")
    assert testbed.database.instruction(rollout, "P1")["code"] == "rollout_cancelled"
    late = testbed.device("P1")
    late.ask()
    wait_for(lambda: late.messages(topic), "it was answered")
    assert late.tokens() == []
    assert testbed.redis.get("tc:instruction:P1") is None


def test_a_late_report_leaves_the_retained_topic_of_the_next_instruction_alone(testbed):
    device = testbed.device("P1")
    first = testbed.submit("first", selector={"devices": ["P1"]})
    old = device.wait_for_instruction()
    device.reply(old, "received")
    testbed.wait_for_state(first, "P1", "received")
    operate(testbed, first, "cancel")
    device.reply(old, "deferred", code="withdrawn")
    testbed.wait_for_rollout(first, "cancelled")
    second = testbed.submit("second", selector={"devices": ["P1"]})
    assert device.wait_for_instruction(2)["rollout"] == second
    device.wait_for_confirm(device.reply(old, "completed", confirm=True))
    assert testbed.database.states(first) == {"completed": 1}
    new = device.tokens()[1]
    device.wait_for_confirm(device.reply(new, "completed"))

    def since_the_second():
        payloads = [message.payload for message in testbed.spy.messages("tc/v1/device/P1/instruction")]
        places = [place for place, payload in enumerate(payloads) if payload and claims_of(payload) == new]
        return payloads[places[0]:] if places else []

    wait_for(lambda: since_the_second()[-1:] == [b""], "the topic is emptied")
    assert since_the_second().count(b"") == 1, "when the second ended, and not before"


class Refused:
    """Commits that fail: those of updates of this table that fulfil this condition."""

    def __init__(self, database, table, condition):
        self.database, self.table = database, table
        database.rows(f"CREATE SEQUENCE refused_{table}")  # it counts on when the transaction is undone
        database.rows(f"CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ "
                      f"BEGIN PERFORM nextval('refused_{table}'); RAISE EXCEPTION 'not at this commit'; END $$")
        database.rows(f"CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED "
                      f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse_{table}()")

    def wait_for_second(self):
        """By then all that follows the first is done."""
        wait_for(lambda: self.database.value(f"SELECT last_value FROM refused_{self.table}") >= 2, "it was tried again")

    def end(self):
        self.database.rows(f"DROP TRIGGER refuse ON {self.table}")


def test_what_could_not_be_committed_is_neither_logged_nor_counted(testbed):
    def logged(*words):
        return len([line for line in testbed.orchestrators[0].text().splitlines() if all(word in line for word in words)])

    def counted():
        return testbed.http.metric("tellercast_retries_total")

    retries = Refused(testbed.database, "instruction", "NEW.attempt > OLD.attempt AND OLD.attempt > 0")
    passes = Refused(testbed.database, "rollout_group", "NEW.state = 'passed'")
    rollout = testbed.submit(selector={"devices": ["A1"]}, execution={"retries": 1, "backoff": "0s"})
    device, claims = take(testbed, rollout, "A1")
    device.reply(claims, "failed", code="no_space")
    retries.wait_for_second()
    assert logged("instruction.woken") == counted() == 0
    retries.end()
    testbed.wait_for_state(rollout, "A1", "dispatched")
    wait_for(lambda: logged("instruction.woken"), "the retry is logged")
    assert logged("instruction.woken", "from=failed to=created") == counted() == 1
    device.ask()
    device.reply(device.wait_for_instruction(2), "completed")
    passes.wait_for_second()
    assert logged("group.moved", "to=passed") == logged("rollout.ended") == 0
    passes.end()
    testbed.wait_for_rollout(rollout, "completed")
    wait_for(lambda: logged("rollout.ended"), "the end is logged")
    assert logged("group.moved", "to=passed") == logged("rollout.ended") == 1


MACHINES, PERCENTAGES = range(0, 42), (0.5, 1, 2.5, 10, 33.3, 50, 99.9, 100)


def test_the_headroom_of_a_branch_is_reckoned_in_the_database_as_in_the_program(stack):
    """tests/unit/test_budget.c checks the same rule in the program."""
    stack.orchestrator()
    for machines, percent, single in itertools.product(MACHINES, PERCENTAGES, (True, False)):
        part = int(machines * percent / 100)
        expected = part if part >= 1 else int(single)
        if machines <= 1 and not single:
            expected = 0
        headroom = stack.database.value("SELECT branch_room(%s, NULL, %s, %s)", machines, percent, single)
        assert headroom == expected, (machines, percent, single)
    for machines, most, single in itertools.product(MACHINES, (1, 3), (True, False)):
        expected = 0 if machines <= 1 and not single else most
        assert stack.database.value("SELECT branch_room(%s, %s, NULL, %s)", machines, most, single) == expected
    assert stack.database.value("SELECT branch_room(1, NULL, NULL, false)") is None
