"""Servers whose role or state changes: read-only, a standby, a replica, full, too old, or dead without closing a connection."""

import contextlib
import socket
import threading

import psycopg2
import pytest
from harness.plan import plan
from harness.relay import Relay
from harness.servers import Redis
from harness.wait import wait_for

PULL = {"pull": ["P1", "P2"]}
WATCHDOG_S = 3
# The log events of parts that waited for a lock longer than their maximum.
LOCK_WAITS = "database.lock_waits"


def readiness(stack):
    answer = stack.http.get("/readyz")
    return answer.status, answer.json()


def wait_until_not_ready(stack, server, *words):
    def named():
        status, ready = readiness(stack)
        return status == 503 and all(word in ready[server] for word in words)

    wait_for(named, f"/readyz says of the {server}: {words}")


def wait_until_ready(stack):
    wait_for(lambda: readiness(stack)[0] == 200, "it is ready")


def dispatch(stack, name, device):
    """Submits and starts a rollout, which writes to PostgreSQL and to Redis."""
    answer = wait_for(lambda: (a := stack.http.submit(plan_for(name, device))).status == 201 and a, "it is accepted")
    stack.wait_for_states(answer.json()["rollout"], dispatched=1)


def plan_for(name, device):
    return plan(name, action="configure", artifact=None, parameters={"brightness": 3}, selector={"devices": [device]})


def start(stack, **settings):
    stack.orchestrator(**settings)
    stack.import_fleet(**PULL)


# ---- PostgreSQL ------------------------------------------------------------------------------------


def test_sessions_that_have_become_read_only_are_left_and_readiness_says_so(own):
    start(own)
    with own.postgres.connect().cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        cursor.execute("SELECT pg_reload_conf()")
        wait_until_not_ready(own, "database", "read-only")
        assert own.http.submit(plan_for("refused", "P1")).status == 503
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute("ALTER SYSTEM RESET default_transaction_read_only")
        cursor.execute("SELECT pg_reload_conf()")
    wait_until_ready(own)
    dispatch(own, "after", "P1")


def test_readiness_meets_what_a_new_session_meets(own):
    start(own)
    wait_until_ready(own)
    with own.postgres.connect().cursor() as cursor:
        cursor.execute("ALTER ROLE tellercast_run SET default_transaction_read_only = on")
        wait_until_not_ready(own, "database", "read-only")
        cursor.execute("ALTER ROLE tellercast_run RESET default_transaction_read_only")
    wait_until_ready(own)
    dispatch(own, "after", "P1")


def test_a_primary_that_came_back_as_a_standby_is_not_written_to_until_it_is_promoted(own):
    start(own)
    data = own.postgres.folder / "data"
    own.postgres.set("wal_level = replica")
    for signal_file in (None, data / "standby.signal"):
        own.postgres.stop()
        if signal_file is not None:
            signal_file.touch()
        own.postgres.start()
    wait_until_not_ready(own, "database", "read-only")
    # The same session becomes that of a primary; no new connection is made until then.
    with own.postgres.connect().cursor() as cursor:
        cursor.execute("SELECT pg_promote()")
    wait_until_ready(own)
    dispatch(own, "after", "P1")


def test_a_request_meets_no_session_that_died_while_it_was_idle(stack):
    start(stack)
    for _ in range(3):
        assert stack.http.get("/v1/rollouts").status == 200
        ended = stack.database.value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'tellercastd reader%%'"
        )
        assert ended > 0
        assert stack.http.get("/v1/rollouts").status == 200


def relayed_database(stack):
    """The stack's orchestrators reach PostgreSQL by a relay."""
    folder = stack.folder / "r"
    folder.mkdir()
    relay = Relay(folder / ".s.PGSQL.5432", stack.postgres.folder / ".s.PGSQL.5432")
    return relay, stack.database.address.replace(str(stack.postgres.folder), str(folder))


def test_a_request_does_not_wait_for_a_session_that_went_dead_without_a_word(stack):
    relay, address = relayed_database(stack)
    start(stack, database=address)
    assert stack.http.get("/v1/rollouts").status == 200
    idle = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE "
            "'tellercastd reader%%' AND now() - state_change > interval '6 s'")
    wait_for(lambda: stack.database.value(idle) > 0, "the session was idle for a while")
    relay.die(b"tellercastd reader")
    assert stack.http.ask("GET", "/v1/rollouts", seconds=15).status == 200
    relay.close()


@pytest.mark.parametrize(("state", "message"), [("53100", "could not extend file: No space left on device"),
                                                ("XX000", "could not extend file: Disk quota exceeded")])
def test_a_disk_that_was_full_for_a_part_makes_it_not_ready(stack, state, message):
    start(stack)
    stack.database.rows(
        f"""CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$""")
    stack.database.rows("CREATE TRIGGER full_disk BEFORE INSERT ON rollout EXECUTE FUNCTION fill()")
    assert stack.http.submit(plan_for("one", "P1")).status in (503, 507)
    wait_until_not_ready(stack, "database", "disk is full")
    stack.database.rows("DROP TRIGGER full_disk ON rollout")
    wait_until_ready(stack)


def test_a_postgresql_that_is_too_old_is_named(stack):
    folder = stack.folder / "old"
    folder.mkdir()
    relay = Relay(folder / ".s.PGSQL.5432", stack.postgres.folder / ".s.PGSQL.5432",
                  lambda piece: piece.replace(b"server_version\x0015", b"server_version\x0014"))
    stack.orchestrator(ready=False,
                       database=stack.database.address.replace(str(stack.postgres.folder), str(folder)))
    wait_for(lambda: stack.http.answers(), "its door is open")
    wait_until_not_ready(stack, "database", "PostgreSQL 15 or newer is needed; this server is 14")
    relay.close()


# ---- Locks of other sessions -------------------------------------------------------------------------


@contextlib.contextmanager
def service_manager(folder):
    """A socket like systemd's; gives the number of watchdog messages."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "notify"))
        listener.setblocking(False)
        count = [0]

        def fed():
            with contextlib.suppress(BlockingIOError):
                while True:
                    count[0] += listener.recv(4096).count(b"WATCHDOG=1")
            return count[0]

        yield {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(WATCHDOG_S * 1000000)}, fed


@pytest.mark.parametrize("table", ["instruction", "rollout", "lease, claim"])
def test_a_lock_of_another_that_outlasts_the_watchdog_ends_nothing(stack, table):
    stack.orchestrator(lease="2s")
    stack.import_fleet(**PULL)
    orchestrator = stack.orchestrators[0]
    with service_manager(stack.folder) as (environment, fed):
        orchestrator.stop()
        orchestrator.start(environment)
        orchestrator.wait_until_ready()
        dispatch(stack, "before", "P1")
        holder = psycopg2.connect(stack.database.address)
        with holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table}")
        # A part may stand still for two periods of the watchdog; this is one period more.
        held = fed() + 4 * WATCHDOG_S
        wait_for(lambda: LOCK_WAITS in orchestrator.text(), "it says what waits")
        orchestrator.wait_until(lambda: fed() > held, "it goes on feeding the watchdog", 60)
        assert "watchdog.starved" not in orchestrator.text()
        holder.rollback()
        holder.close()
        wait_until_ready(stack)
        dispatch(stack, "after", "P2")


# ---- Redis -----------------------------------------------------------------------------------------


def become_replica(redis):
    redis.execute_command("REPLICAOF", "127.0.0.1", "1")


def become_master(redis):
    redis.execute_command("REPLICAOF", "NO", "ONE")


def turn_user_off(redis):
    redis.execute_command("ACL", "SETUSER", "tellercast", "off")
    redis.execute_command("CLIENT", "KILL", "USER", "tellercast")


@pytest.mark.parametrize(("change", "undo", "word"), [
    (become_replica, become_master, "READONLY"),
    (turn_user_off, lambda redis: redis.execute_command("ACL", "SETUSER", "tellercast", "on"), "WRONGPASS"),
    (lambda redis: redis.execute_command("CONFIG", "SET", "maxmemory", "1"),
     lambda redis: redis.execute_command("CONFIG", "SET", "maxmemory", "0"), "OOM"),
])
def test_a_redis_that_takes_no_writes_is_named_in_its_own_words(stack, change, undo, word):
    start(stack)
    change(stack.redis)
    wait_until_not_ready(stack, "cache", word)
    dispatch(stack, "without", "P1")
    assert [line for line in stack.orchestrators[0].text().splitlines() if "cache." in line and word in line]
    undo(stack.redis)
    wait_until_ready(stack)
    dispatch(stack, "with", "P2")
    wait_for(lambda: stack.redis.exists("tc:instruction:P2"), "the cache is filled again")


def test_a_failover_of_redis_behind_one_address_is_followed(stack):
    folder = stack.folder / "other"
    folder.mkdir()
    other = Redis(folder)
    relay = Relay(stack.folder / "relayed.sock", stack.redis_server.socket)
    start(stack, redis={"socket": str(relay.listen)})
    dispatch(stack, "before", "P1")
    relay.target = other.socket
    become_replica(stack.redis)  # and keeps every connection open
    wait_until_ready(stack)
    dispatch(stack, "after", "P2")
    with contextlib.closing(other.connect()) as redis:
        wait_for(lambda: redis.exists("tc:instruction:P1", "tc:instruction:P2") == 2, "the other one is filled")
    relay.close()
    other.kill()


def test_a_redis_that_is_too_old_is_named(stack):
    relay = Relay(stack.folder / "old.sock", stack.redis_server.socket,
                  lambda piece: piece.replace(b"redis_version:7.0", b"redis_version:6.0"))
    stack.orchestrator(ready=False, redis={"socket": str(relay.listen)})
    wait_for(lambda: stack.http.answers(), "its door is open")
    wait_until_not_ready(stack, "cache", "Redis 6.2 or newer is needed; this server is 6.0")
    assert "Redis 6.2 or newer is needed" in stack.orchestrators[0].text()
    relay.close()


# ---- The broker ------------------------------------------------------------------------------------


@contextlib.contextmanager
def older_broker():
    """A broker of MQTT 3.1.1 alone, which refuses another protocol level as that version says: CONNACK with return code 1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)

        def refuse_all():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(4096)
                        client.sendall(b"\x20\x02\x00\x01")

        threading.Thread(target=refuse_all, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.plain_broker
def test_a_broker_that_does_not_know_mqtt_5_is_named(stack):
    with older_broker() as port:
        stack.orchestrator(ready=False, broker={"port": port})
        wait_for(lambda: stack.http.answers(), "its door is open")
        wait_until_not_ready(stack, "broker", "MQTT 5 is needed")
        assert "MQTT 5 is needed" in stack.orchestrators[0].text()
