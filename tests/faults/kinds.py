"""Every kind of fault: a function that causes it and returns the function that repairs it. Either returns NOT_YET when it did
nothing and has to be called again. Each gets the testbed and a random.Random, which alone chooses among several targets, so
that a seed repeats everything."""

import re
import signal
import time

import psycopg2
from harness import clocks

from testbed import NEXT, REAL_ATMS, REAL_BRANCH, REAL_PULL

KINDS = {}
NOT_YET = object()
STOPS_S = 5  # until an orchestrator that is stopped ends
LASTS_S = {"postgres_down_for_a_minute": 60.0}  # kinds that take their own time


def kind(function):
    KINDS[function.__name__] = function
    return function


def nothing():
    """The repair of a fault that is over at once."""


def some_orchestrator(testbed, rng):
    return rng.choice(testbed.orchestrators)


def revive(orchestrator):
    def mend():
        if not orchestrator.is_running():
            orchestrator.start()
    return mend


# orchestrators


def end(one):
    """Stops an orchestrator. One that was only just starting has taken nothing, and dies of the signal."""
    code = one.stop(seconds=STOPS_S)
    assert code in (0, -signal.SIGTERM), f"{one.name} ended with {code} after SIGTERM"


@kind
def kill_orchestrator(testbed, rng):
    one = some_orchestrator(testbed, rng)
    one.kill()
    return revive(one)


@kind
def kill_all_orchestrators(testbed, _rng):
    for one in testbed.orchestrators:
        one.kill()

    def mend():
        for one in testbed.orchestrators:
            revive(one)()
    return mend


@kind
def freeze_orchestrator(testbed, rng):
    """Longer than its lease, if the schedule allows: another orchestrator takes over, and this one comes back."""
    one = some_orchestrator(testbed, rng)
    one.send(signal.SIGSTOP)
    return lambda: one.send(signal.SIGCONT)


@kind
def restart_orchestrator(testbed, rng):
    one = some_orchestrator(testbed, rng)
    end(one)
    return revive(one)


@kind
def upgrade_orchestrators(testbed, rng):
    """One orchestrator after the other ends and comes back as the next version. The first one migrates the tables while the
    others still work with the old version."""
    first, *others = rng.sample(testbed.orchestrators, len(testbed.orchestrators))

    def upgrade(one):
        end(one)
        one.program = NEXT
        one.start()

    def mend():
        for one in others:
            upgrade(one)
    upgrade(first)
    return mend


# the broker


@kind
def kill_broker(testbed, _rng):
    """The broker comes back and has lost everything but the guard's table of devices."""
    testbed.broker.kill()
    testbed.broker.state.unlink(missing_ok=True)
    return testbed.broker.start


@kind
def restart_broker(testbed, _rng):
    testbed.broker.stop()
    return testbed.broker.start


@kind
def old_broker(testbed, _rng):
    """The broker comes back with an older state, and the guard with an older table."""
    testbed.broker.kill()
    testbed.broker.restore()
    return testbed.broker.start


@kind
def freeze_broker(testbed, _rng):
    testbed.broker.send(signal.SIGSTOP)
    return lambda: testbed.broker.send(signal.SIGCONT)


# PostgreSQL


@kind
def kill_postgres(testbed, _rng):
    testbed.postgres.kill()
    return testbed.start_postgres


@kind
def restart_postgres(testbed, _rng):
    testbed.postgres.stop()
    return testbed.start_postgres


@kind
def postgres_down_for_a_minute(testbed, _rng):
    """Longer than every deadline of a stage."""
    testbed.postgres.stop()
    return testbed.start_postgres


@kind
def freeze_postgres(testbed, _rng):
    testbed.signal_postgres(signal.SIGSTOP)
    return lambda: testbed.signal_postgres(signal.SIGCONT)


@kind
def drop_connections(testbed, _rng):
    testbed.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tellercastd%%'")
    return nothing


@kind
def hold_table(testbed, _rng):
    """The updaters wait while reports come in."""
    connection = psycopg2.connect(testbed.postgres.address("tellercast"))
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
        try:
            cursor.execute("LOCK TABLE instruction IN EXCLUSIVE MODE")
        except psycopg2.errors.LockNotAvailable:
            connection.close()
            return NOT_YET
    return connection.close


@kind
def hold_claims(testbed, _rng):
    """Another session holds the lock of the claims."""
    connection = psycopg2.connect(testbed.postgres.address("tellercast"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('tellercast'), hashtext('claim'))")
        if not cursor.fetchone()[0]:
            connection.close()
            return NOT_YET
    return connection.close


@kind
def full_disk(testbed, _rng):
    """PostgreSQL can write nothing any more."""
    return testbed.fill_disk()


# Redis


@kind
def kill_redis(testbed, _rng):
    testbed.redis_server.kill()
    testbed.redis_dump.unlink(missing_ok=True)
    return testbed.redis_server.start


@kind
def old_redis(testbed, _rng):
    testbed.redis_server.kill()
    testbed.restore_redis()
    return testbed.redis_server.start


@kind
def freeze_redis(testbed, _rng):
    testbed.redis_server.send(signal.SIGSTOP)
    return lambda: testbed.redis_server.send(signal.SIGCONT)


@kind
def flush_redis(testbed, _rng):
    testbed.redis_server.connect().flushall()
    return nothing


@kind
def tiny_redis(testbed, _rng):
    """Redis evicts entries for which it has no memory, or refuses new ones."""
    client = testbed.redis_server.connect()
    client.config_set("maxmemory-policy", _rng.choice(["allkeys-lru", "noeviction"]))
    client.config_set("maxmemory", 1)

    def mend():
        again = testbed.redis_server.connect()
        again.config_set("maxmemory", 1 << 30)
        again.config_set("maxmemory-policy", "noeviction")
    return mend


# the network


def on_route(name, mode, delay_s=0.0):
    def inject(testbed, _rng):
        route = getattr(testbed, name)
        route.set(mode, delay_s)
        return lambda: route.set("open")
    return inject


for _route, _short in (("to_broker", "broker"), ("to_postgres", "postgres"), ("to_redis", "redis"), ("to_fleet", "fleet"),
                       ("to_clients", "clients"), ("to_artifacts", "artifacts")):
    KINDS[f"cut_{_short}"] = on_route(_route, "cut")
    KINDS[f"half_open_{_short}"] = on_route(_route, "still")
for _route, _short in (("to_broker", "broker"), ("to_fleet", "fleet"), ("to_postgres", "postgres"), ("to_redis", "redis")):
    KINDS[f"slow_{_short}"] = on_route(_route, "slow", 0.05)
KINDS["slow_artifacts"] = on_route("to_artifacts", "slow", 0.5)  # artifacts come in few pieces
for _route, _short in (("to_broker", "broker"), ("to_artifacts", "artifacts")):
    KINDS[f"chopped_{_short}"] = on_route(_route, "chopped")


@kind
def cut_within_a_packet(testbed, rng):
    routes = (testbed.to_broker, testbed.to_fleet)
    for route in routes:
        route.break_within_a_packet(rng.randint(100, 20000))
    return lambda: NOT_YET if any(route.is_to_break() for route in routes) else None


# devices


@kind
def reconnect_storm(testbed, rng):
    testbed.ask_fleet("disconnect", match="*", clean=False, for_ms=rng.randint(0, 500))
    return nothing


@kind
def branches_away(testbed, rng):
    """A tenth of the branches loses its line."""
    testbed.ask_fleet("disconnect", match=f"B*{rng.randint(0, 9)}*", clean=False, for_ms=4000)
    return nothing


def client_kind(name, number, devices):
    def inject(testbed, rng):
        client = testbed.clients[rng.choice(devices)]
        if number == signal.SIGSTOP:
            client.send(number)
            return lambda: client.send(signal.SIGCONT)
        client.kill()
        return client.start
    KINDS[name] = inject


for _devices, _role in (([REAL_BRANCH], "node"), (REAL_ATMS, "atm"), (REAL_PULL, "pull")):
    client_kind(f"kill_{_role}", signal.SIGKILL, _devices)
    client_kind(f"freeze_{_role}", signal.SIGSTOP, _devices)


def wrong_clock(role, devices):
    def inject(testbed, rng):
        """A machine starts with a clock that is years off, and connects by certificates that are valid today. Half of the
        clocks are set right later, during the work; the others stay wrong, and the machine does its work all the same."""
        client = testbed.clients[rng.choice(devices)]
        clock = client.folder / "clock"
        clock.write_text(f"{rng.choice('+-')}{rng.randint(1, 20)}y\n")
        is_set_right = rng.random() < 0.5
        client.kill()
        logged = len(client.text())
        client.start({"LD_PRELOAD": clocks.LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_CACHE_DURATION": "1",
                      "FAKETIME_DONT_FAKE_MONOTONIC": "1"})

        def mend():
            years = {int(year) for year in re.findall(r"^(\d{4})-", client.text()[logged:], re.MULTILINE)}
            if not years:
                return NOT_YET
            assert time.gmtime().tm_year not in years, f"{client.name} had the right time"
            if client.is_running() and "broker.connected" not in client.text()[logged:]:
                return NOT_YET
            if is_set_right:
                clock.write_text("+0\n")
            return None
        return mend
    KINDS[f"wrong_clock_{role}"] = inject


for _devices, _role in (([REAL_BRANCH], "node"), (REAL_ATMS, "atm"), (REAL_PULL, "pull")):
    wrong_clock(_role, _devices)


# An orchestrator that dies at the worst moment, at a failure point that is compiled in for these tests.

FAILURE_POINTS = ("claim.committed", "dispatch.published", "reports.committed", "confirms.published",
                  "conductor.committed", "planning.committed", "submission.committed", "webhook.posted")
TAKE_OVER_S = 4  # longer than a lease


def name_of(point):
    return f"dies_at_{point.replace('.', '_')}"


POINTS = {name_of(point) for point in FAILURE_POINTS}
AT_FIRST = {name_of("submission.committed"), name_of("planning.committed")}  # before the rollout is ordered
AT_ONCE = POINTS - AT_FIRST  # while most of its work remains


def dies_at(point):
    def inject(testbed, rng):
        """One of the orchestrators that come there dies: at a submission the first, which gets it; elsewhere the only one that
        runs. The others take over its work before it comes back."""
        is_of_order = name_of(point) in AT_FIRST
        one = testbed.orchestrators[0] if is_of_order else some_orchestrator(testbed, rng)
        others = [] if is_of_order else [other for other in testbed.orchestrators if other is not one]
        for other in [*others, one]:
            other.kill()
        one.start({"TELLERCAST_FAILURE_POINT": f"{point}:1"})
        if is_of_order:
            one.wait_until_ready()
        came_back_at = []

        def mend():
            if one.is_running():
                return NOT_YET
            if not came_back_at:
                for other in others:
                    other.start()
                came_back_at.append(time.monotonic())
            if others and time.monotonic() < came_back_at[0] + TAKE_OVER_S:
                return NOT_YET
            assert one.wait() == -signal.SIGKILL, f"{one.name} ended before it came to {point}"
            one.start()
            return None
        return mend
    return inject


for _point in FAILURE_POINTS:
    KINDS[name_of(_point)] = dies_at(_point)


def target(name):
    """The target of a kind: two kinds with one target come one after the other."""
    for word in ("postgres", "redis", "broker", "fleet", "node", "atm", "pull", "clients", "artifacts"):
        if word in name:
            return "clients" if word in ("node", "atm", "pull") else word
    if "orchestrator" in name or name.startswith("dies_at"):
        return "orchestrators"
    return {"drop_connections": "postgres", "hold_table": "postgres", "hold_claims": "postgres", "full_disk": "postgres",
            "cut_within_a_packet": "broker"}.get(name, "fleet")
