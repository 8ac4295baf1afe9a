"""The orchestrator does not repeat work because other work cannot be done now."""

import pytest
from harness.wait import wait_for

PAGE = 2000  # rows that the conductor reads at a time (CONDUCT_ROWS)


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    stack.add_artifact()
    return stack


def starts(testbed, branch):
    return testbed.spy.messages(f"tc/v1/branch/{branch}/start")


def test_start_commands_go_out_once_while_the_database_does_not_let_their_claim_go(testbed):
    testbed.import_fleet({"B1": ["A1"], "B2": ["A2"]})
    testbed.database.rows("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                          "'BEGIN RAISE EXCEPTION $$not now$$ USING ERRCODE = $$57P03$$; END'")
    testbed.database.rows("CREATE TRIGGER refuse BEFORE DELETE ON claim FOR EACH ROW EXECUTE FUNCTION refuse()")
    testbed.submit("one", selector={"devices": ["A1"]})
    testbed.spy.wait_for("tc/v1/branch/B1/start")
    testbed.submit("two", selector={"devices": ["A2"]})
    testbed.spy.wait_for("tc/v1/branch/B2/start")
    assert len(starts(testbed, "B1")) == 1, "what was delivered is remembered"
    testbed.database.rows("DROP TRIGGER refuse ON claim")
    wait_for(lambda: testbed.database.value("SELECT count(*) FROM claim") == 0, "the claims are dropped")
    assert (len(starts(testbed, "B1")), len(starts(testbed, "B2"))) == (1, 1)


def test_rows_that_another_transaction_holds_stop_neither_the_others_nor_other_rollouts(testbed):
    clients = [f"P{number}" for number in range(PAGE + 1)]
    testbed.import_fleet({"B1": ["A1"]}, clients)
    held = testbed.submit("held", selector={"matchLabels": {"role": "pull"}}, rate={"perMinute": 100000},
                          execution={"retries": 0})
    testbed.wait_for_states(held, dispatched=PAGE + 1)
    testbed.orchestrators[0].kill()
    last = testbed.database.value("SELECT max(id) FROM instruction WHERE rollout_id = %s", held)
    testbed.database.rows("UPDATE instruction SET start_before = now() - interval '1 h', "
                          "wake_at = now() - CASE id WHEN %s THEN 1 ELSE 2 END * interval '1 h' "
                          "WHERE rollout_id = %s", last, held)
    lock = testbed.postgres.connect(testbed.database.address.split("dbname=")[1])
    lock.autocommit = False
    lock.cursor().execute("SELECT 1 FROM instruction WHERE rollout_id = %s AND id <> %s FOR UPDATE", (held, last))
    testbed.orchestrators[0].start()
    testbed.orchestrators[0].wait_until_ready()
    other = testbed.submit("other", selector={"devices": ["A1"]})
    testbed.wait_for_state(other, "A1", "dispatched")
    device = testbed.device("A1", "B1")
    device.ask()
    device.reply(device.wait_for_instruction(), "completed")
    testbed.wait_for_rollout(other, "completed")
    testbed.wait_for_states(held, dispatched=PAGE, timed_out=1)
    lock.close()
    testbed.wait_for_states(held, timed_out=PAGE + 1)
