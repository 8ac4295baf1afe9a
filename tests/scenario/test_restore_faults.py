"""Faults and attacks around a restore: watermarks, forged reports, rows that cannot be written."""

import json
import shutil

from harness.backup import Backup
from harness.wait import wait_for
from test_restore import BRANCHES, accept, counter, put_back_and_accept, refusal, wait_for_count, wait_for_refusal

RETRIES = {"retries": 5, "backoff": "1s", "dispatchTimeout": "1h", "answerTimeout": "1h"}
WHOLE = [{"name": "all", "percentage": 100, "success": 0}]


def high_water_marks(stack):
    return sorted(stack.data_folder.glob("watermark-*.json"))


def set_up(stack):
    orchestrator = stack.orchestrator()
    stack.add_artifact()
    stack.import_fleet(BRANCHES)
    return orchestrator


def fail(stack, rollout, name, branch, code):
    device = stack.device(name, branch)
    stack.wait_for_state(rollout, name, "dispatched")
    device.ask()
    device.wait_for_confirm(device.reply(device.wait_for_instruction(), "failed", code=code))


def wait_for_retry(stack, rollout, name):
    wait_for(lambda: stack.database.instruction(rollout, name)["attempt"] == 2, f"{name} is tried again", 20)


def test_no_report_moves_an_attempt_far_and_the_rollout_goes_on(stack):
    orchestrator = set_up(stack)
    rollout = stack.submit("run", execution=RETRIES, groups=WHOLE)
    stack.wait_for_rollout(rollout, "running")
    wait_for_count(stack)
    put_back_and_accept(stack, Backup(stack))
    number = stack.database.instruction(rollout, "A1")["id"]
    device = stack.device("A1", "B1")
    device.send_reply(json.dumps({"instruction": number, "attempt": 2147483647, "sequence": 1, "state": "failed"}))
    wait_for(lambda: "attempt: found 2147483647" in orchestrator.text(), "it cannot be read")

    def accepted(attempt):
        device.reply({"instruction": number, "attempt": attempt}, "failed", code="disk_full")
        (confirm,) = wait_for(lambda: [each for each in device.confirms() if each["attempt"] == attempt], "a confirm")
        return confirm["accepted"]

    assert not accepted(1002)
    assert stack.database.instruction(rollout, "A1")["attempt"] == 1
    assert accepted(1001)
    wait_for(lambda: stack.database.instruction(rollout, "A1")["attempt"] == 1002, "it is tried again")
    fail(stack, rollout, "A3", "B2", "disk_full")
    wait_for_retry(stack, rollout, "A3")
    assert "conductor.failed" not in orchestrator.text()


def test_the_last_number_of_an_attempt_is_not_passed(stack):
    set_up(stack)
    rollout = stack.submit("run", execution=RETRIES, groups=WHOLE)
    stack.wait_for_state(rollout, "A1", "dispatched")
    stack.database.rows("UPDATE instruction SET attempt = 1000000 WHERE device = 'A1'")
    number = stack.database.instruction(rollout, "A1")["id"]
    device = stack.device("A1", "B1")
    device.ask()
    device.wait_for_confirm(device.reply({"instruction": number, "attempt": 1000000}, "failed", code="disk_full"))
    wait_for(lambda: stack.database.instruction(rollout, "A1")["state_name"] == "dispatched", "it is tried again", 20)
    assert stack.database.instruction(rollout, "A1")["attempt"] == 1000000


def test_a_row_that_cannot_be_written_keeps_neither_other_rows_nor_aborts_from_their_turn(stack):
    orchestrator = set_up(stack)
    rollout = stack.submit("run", execution=RETRIES, groups=WHOLE,
                           abort=[{"on": "out_of_service", "count": 1, "then": "cancel"}])
    stack.wait_for_rollout(rollout, "running")
    stack.database.rows("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE EXCEPTION 'integer out of range' USING ERRCODE = '22003'; END$$""")
    stack.database.rows("""
        CREATE TRIGGER refuse BEFORE UPDATE ON instruction FOR EACH ROW
        WHEN (OLD.device = 'A1' AND OLD.state = 6 AND NEW.state = 0) EXECUTE FUNCTION refuse()""")
    fail(stack, rollout, "A1", "B1", "disk_full")
    wait_for(lambda: "conductor.failed" in orchestrator.text(), "its retry cannot be written", 20)
    fail(stack, rollout, "A2", "B1", "disk_full")
    wait_for_retry(stack, rollout, "A2")
    fail(stack, rollout, "A3", "B2", "out_of_service")
    stack.wait_for_rollout(rollout, "cancelled", 20)
    assert stack.database.instruction(rollout, "A1")["attempt"] == 1
    assert orchestrator.text().count("conductor.failed") <= 10


def test_a_restore_is_noticed_also_after_one_without_a_mark_has_counted_past_it(stack):
    marked = set_up(stack)
    backup = Backup(stack)
    lost = stack.submit("lost", schedule={"startAt": "2040-01-01T00:00:00Z"})
    stack.wait_for_rollout(lost, "running")
    used = max(row["id"] for row in stack.database.instructions(lost).values())
    wait_for_count(stack)
    marked.stop()
    (mark,) = high_water_marks(stack)
    counted = json.loads(mark.read_text(encoding="utf-8"))["counter"]
    backup.put_back()
    fresh = stack.folder / "fresh"
    fresh.mkdir()
    shutil.copy(stack.data_folder / "signing-key.json", fresh)
    other = stack.orchestrator(data_folder=str(fresh))
    wait_for(lambda: counter(stack) > counted, "it was counted on past the mark", 60)
    marked.start()
    wait_for_refusal(stack)
    assert "its sequence instruction_id is at 0, and was at" in refusal(marked)
    assert "orchestrator-1 has seen: numbers were given that it does not know" in refusal(other)
    count = marked.text().count("database.refused")
    answer = accept(stack)
    assert answer.status == 200, answer
    for orchestrator in stack.orchestrators:
        orchestrator.wait_until_ready()
    assert marked.text().count("database.refused") == count, "it is said once"
    after = stack.submit("after", schedule={"startAt": "2040-01-01T00:00:00Z"})
    stack.wait_for_rollout(after, "running")
    assert min(row["id"] for row in stack.database.instructions(after).values()) > used


def goes_on(stack, name):
    stack.orchestrators[0].wait_until_ready()
    rollout = stack.submit(name, schedule={"startAt": "2040-01-01T00:00:00Z"})
    stack.wait_for_rollout(rollout, "running")


def test_what_follows_from_a_damaged_mark_can_be_read_again(stack):
    orchestrator = set_up(stack)
    wait_for_count(stack)
    orchestrator.stop()
    (mark,) = high_water_marks(stack)
    document = json.loads(mark.read_text(encoding="utf-8"))
    highest = 2**52 - 1
    damaged = {**document, "counter": highest, "epoch": highest, "ids": {name: highest for name in document["ids"]}}
    mark.write_text(json.dumps(damaged), encoding="utf-8")
    orchestrator.start()
    wait_for_refusal(stack)
    answer = accept(stack)
    assert answer.status == 200, answer
    goes_on(stack, "after")
    wait_for_count(stack)
    orchestrator.stop()
    orchestrator.start()
    goes_on(stack, "afterwards")


def test_high_water_marks_in_the_table_that_are_too_high_do_not_keep_a_restore_from_being_accepted(stack):
    set_up(stack)
    wait_for_count(stack)
    backup = Backup(stack)
    wait_for_count(stack)
    backup.put_back()
    wait_for_refusal(stack)
    wait_for(lambda: stack.database.value("SELECT refused_at IS NOT NULL FROM watermark"), "it is written for all")
    stack.database.rows("""UPDATE watermark SET marked_counter = 9223372036854775807, marked_epoch = 9223372036854775807,
                             marked_ids = (SELECT jsonb_object_agg(sequencename, 1e30::numeric) FROM pg_sequences
                                           WHERE schemaname = current_schema())""")
    answer = accept(stack)
    assert answer.status == 200, answer
    goes_on(stack, "after")
    assert stack.database.value("SELECT last_value FROM instruction_id") < 2**52
    assert stack.database.value("SELECT counter FROM watermark") < 2**52


def is_replaced_by_a_folder(mark):
    mark.unlink(missing_ok=True)
    try:
        mark.mkdir()
    except FileExistsError:  # it was written again meanwhile
        return False
    return True


def test_a_mark_that_cannot_be_written_is_warned_of(stack):
    set_up(stack)
    wait_for_count(stack)
    (mark,) = high_water_marks(stack)
    assert stack.http.document("/readyz")["warnings"] == []
    wait_for(lambda: is_replaced_by_a_folder(mark), "a folder is in the place of the mark")
    (warning,) = wait_for(lambda: stack.http.document("/readyz")["warnings"], "it is warned of", 20)
    assert "watermark cannot be written" in warning
    mark.rmdir()
    wait_for(lambda: stack.http.document("/readyz")["warnings"] == [], "it is written again", 20)
