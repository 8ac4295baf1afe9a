"""Servers whose processes stand still while their system keeps each connection alive."""

import pathlib
import signal
import tempfile
import threading

import pytest
from conftest import a_stack
from harness.relay import Relay
from harness.servers import QuickPostgres
from harness.wait import wait_for
from test_servers_that_change import dispatch, start, wait_until_not_ready, wait_until_ready
from test_shutdown import SECONDS, end

# The longest wait of a part, with the time before and after it.
GIVEN_UP_S = 90
# Parts that write all the time.
BUSY = {f"tellercastd {part}" for part in ("conductor", "scheduler", "watermark", "health")}


@pytest.fixture
def pair(scratch, request):
    """A stack with a PostgreSQL of its own, which has a synchronous standby."""
    folder, other = (pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=scratch)) for prefix in "ob")
    for each in (folder, other):
        each.chmod(0o711)
    postgres = QuickPostgres(folder)
    standby = postgres.standby(other)
    try:
        with a_stack(postgres, scratch, "o", request) as stack:
            request.node.stack = stack
            yield stack, standby
    finally:
        postgres.send_all(signal.SIGKILL)  # its processes stand still, and would outlive the first of them
        postgres.kill()
        standby.kill()


def parts(database):
    rows = database.rows("SELECT DISTINCT application_name AS name FROM pg_stat_activity "
                         "WHERE datname = current_database() AND application_name LIKE 'tellercastd%%'")
    return {row["name"] for row in rows}


def test_every_part_leaves_a_primary_that_stands_still_once_its_address_leads_elsewhere(pair):
    stack, standby = pair
    folder = stack.folder / "r"
    folder.mkdir()
    relay = Relay(folder / ".s.PGSQL.5432", stack.postgres.folder / ".s.PGSQL.5432")
    start(stack, database=stack.database.address.replace(str(stack.postgres.folder), str(folder)))
    dispatch(stack, "before", "P1")
    wait_for(lambda: BUSY <= parts(stack.database), "the busy parts are there")
    assert stack.http.get("/v1/rollouts").status == 200
    answers = []

    def ask():
        answers.append(stack.http.ask("GET", "/v1/rollouts", seconds=GIVEN_UP_S).status)

    asking = threading.Thread(target=ask)
    stack.postgres.send_all(signal.SIGSTOP)
    asking.start()
    with standby.connect().cursor() as cursor:
        cursor.execute("SELECT pg_promote()")
    relay.target = standby.folder / ".s.PGSQL.5432"
    stack.database.lead_to(standby)
    wait_until_not_ready(stack, "database", "no answer for")
    wait_for(lambda: stack.http.get("/readyz").status == 200, "it is ready by the other server", GIVEN_UP_S)
    dispatch(stack, "after", "P2")
    wait_for(lambda: BUSY <= parts(stack.database), "each part is there", GIVEN_UP_S)
    asking.join()
    assert answers == [200], "it was asked by the session that had just been used, and again by a new one"
    assert "the server has not answered for" in stack.orchestrators[0].text()
    relay.close()


def ended(orchestrator):
    code, seconds = end(orchestrator)
    assert code == 0 and seconds < SECONDS, f"{code} after {seconds} s: {orchestrator.text()[-2000:]}"
    return True


def test_a_redis_that_stands_still_is_named_and_instructions_are_given_without_it(stack):
    start(stack)
    stack.redis_server.send(signal.SIGSTOP)
    wait_until_not_ready(stack, "cache", "no answer in time")
    device = stack.device("P1")
    dispatch(stack, "without", "P1")
    device.ask()
    device.wait_for_confirm(device.reply(device.wait_for_instruction(), "completed"))
    assert ended(stack.orchestrators[0])
    stack.redis_server.send(signal.SIGCONT)
    stack.orchestrators[0].start()
    stack.orchestrators[0].wait_until_ready()
    dispatch(stack, "with", "P2")
    wait_for(lambda: stack.redis.exists("tc:instruction:P2"), "the cache is filled")


def test_a_broker_that_stands_still_is_named_and_used_again(stack):
    start(stack, broker={"keep_alive": "5s"})
    stack.broker.send(signal.SIGSTOP)
    wait_until_not_ready(stack, "broker")
    dispatch(stack, "meanwhile", "P1")
    stack.broker.send(signal.SIGCONT)
    wait_until_ready(stack)
    device = stack.device("P1")
    assert device.wait_for_instruction()
    stack.broker.send(signal.SIGSTOP)
    wait_until_not_ready(stack, "broker")
    assert ended(stack.orchestrators[0])
    stack.broker.send(signal.SIGCONT)


def test_it_ends_in_time_while_it_starts_and_the_database_stands_still(own):
    own.orchestrator()
    own.orchestrators[0].stop()
    waits = ("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tellercastd migration' "
             "AND wait_event_type = 'Lock'")
    holder = own.database.connect()
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE migration")
    own.orchestrators[0].start()
    wait_for(lambda: own.database.value(waits), "it waits for the database")
    own.postgres.send_all(signal.SIGSTOP)
    try:
        assert ended(own.orchestrators[0])
    finally:
        own.postgres.send_all(signal.SIGCONT)
        holder.close()
