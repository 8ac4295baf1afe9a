"""One round: rollouts are ordered, faults come and are repaired, the rollouts finish, and the audit checks everything."""

import collections
import random
import time

import psycopg2
import redis
from harness.wait import wait_for

from kinds import AT_FIRST, AT_ONCE, KINDS, LASTS_S, NOT_YET, POINTS, target
from left_in_rounds import NOT_HELD
from orders import Operators, order

FIRST_S, LAST_S = 0.2, 4.0  # when a fault comes, after the rollouts were ordered
SHORTEST_S, LONGEST_S = 0.5, 5.0  # how long a fault lasts
FINISH_S = 120  # until all rollouts have ended, once everything works again
BUDGET = 3
STARTS_S = 2  # until the window of a round's first rollout opens, at most
ENDS_S = (240, 300)  # and until it closes: longer than any round, so that no instruction is too late for it
SOON_S = (10, 18)  # until the window of its last rollout closes, during that rollout: nothing starts in the last 8 s
STEP_S = 0.05
APART_S = 0.3  # between two faults of the same target
PATIENCE_S = 120  # to wait with a fault that cannot be caused or repaired yet


class Schedule:
    """(when, for how long, kind), all from the seed."""

    def __init__(self, seed, steps):
        self.seed, self.steps = seed, []
        free_at = {}
        for at, lasts, name in sorted(steps):
            at = round(max(at, free_at.get(target(name), 0.0)), 2)
            free_at[target(name)] = at + lasts + APART_S
            self.steps.append((at, lasts, name))
        self.steps.sort()

    @staticmethod
    def _step(rng, name):
        lasts = LASTS_S.get(name, round(rng.uniform(SHORTEST_S, LONGEST_S), 2))
        at = round(rng.uniform(FIRST_S, LAST_S), 2)
        return 0.0 if name in AT_FIRST else FIRST_S if name in AT_ONCE else at, lasts, name

    @classmethod
    def of_one(cls, seed, name):
        return cls(seed, [cls._step(random.Random(f"{seed} {name}"), name)])

    @classmethod
    def random(cls, seed, names, most):
        """At most one failure point, since only the first would be reached in time."""
        rng = random.Random(seed)
        count = rng.randint(1, most)
        sample = rng.sample(names, min(count, len(names)))
        points = [name for name in sample if name in POINTS]
        return cls(seed, [cls._step(rng, name) for name in sample if name not in points[1:]])

    @classmethod
    def tour(cls, seed, names, at_a_time):
        """Every kind once, shuffled; the kinds of one round come at different times. The failure points are dealt out first."""
        shuffled = list(names)
        random.Random(seed).shuffle(shuffled)
        shuffled.sort(key=lambda name: name not in POINTS)
        rounds = max(-(-len(names) // at_a_time), len(POINTS & set(names)))
        for number in range(rounds):
            some = shuffled[number::rounds]
            rng = random.Random(f"{seed} {some}")
            yield cls(seed, [cls._step(rng, name) for name in some])

    def play(self, testbed, place_order):
        """Orders the rollout, causes the faults of the schedule, and repairs them."""
        rng = random.Random(f"{self.seed} what")
        mends = []  # (when, the repair, kind)
        for _, lasts, name in [step for step in self.steps if step[0] == 0]:
            mends.append((time.monotonic() + lasts, KINDS[name](testbed, rng), name))
        place_order()
        waiting = [step for step in self.steps if step[0] > 0]
        began = time.monotonic()
        while waiting or mends:
            now = time.monotonic()
            for due, mend, name in [one for one in mends if one[0] <= now]:
                if mend() is not NOT_YET:
                    mends.remove((due, mend, name))
                else:
                    assert now < due + PATIENCE_S, f"{name} cannot be mended"
            for at, lasts, name in [step for step in waiting if began + step[0] <= now]:
                if target(name) in [target(one[2]) for one in mends]:
                    continue  # the target is still broken, since a repair took longer than planned
                mend = KINDS[name](testbed, rng)
                if mend is not NOT_YET:
                    waiting.remove((at, lasts, name))
                    mends.append((time.monotonic() + lasts, mend, name))
                else:
                    assert now < began + at + PATIENCE_S, f"{name} cannot be done"
            time.sleep(STEP_S)

    def again(self):
        """Returns the arguments that repeat exactly this."""
        return f"--seed {self.seed} --steps " + ",".join(f"{name}@{at}+{lasts}" for at, lasts, name in self.steps)

    @classmethod
    def read(cls, seed, text):
        steps = []
        for step in text.split(","):
            name, times = step.split("@")
            at, lasts = times.split("+")
            steps.append((float(at), float(lasts), name))
        return cls(seed, steps)

    def kinds(self):
        return {name for _, _, name in self.steps}

    def __str__(self):
        steps = ", ".join(f"{name} at {at} s for {lasts} s" for at, lasts, name in self.steps) or "no faults"
        return f"seed {self.seed}: {steps}"


class Kills:
    """kill -9 of one program after the other, with random pauses, until the rollout has ended or the limit is reached. The
    broker and the database are killed less often than others, since their return costs the time of the whole installation."""

    PAUSE_S, DOWN_S = 0.7, 1.0
    WEIGHTS = {"orchestrator": 12, "client": 6, "redis": 4, "postgres": 3, "broker": 1}

    def __init__(self, seed, most):
        self.seed, self.most = seed, most
        self.killed = collections.Counter()

    def play(self, testbed, place_order):
        rollouts = [place_order()]
        rng = random.Random(f"{self.seed} kills")
        back = []  # (when, the start again)
        next_at = time.monotonic()
        while back or (sum(self.killed.values()) < self.most and not testbed.is_settled(rollouts)):
            now = time.monotonic()
            for one in [one for one in back if one[0] <= now]:
                back.remove(one)
                one[1]()
            if now >= next_at and sum(self.killed.values()) < self.most:
                next_at = now + rng.expovariate(1 / self.PAUSE_S)
                name, process, start = self._choose(testbed, rng)
                if process.is_running():
                    process.kill()
                    self.killed[name] += 1
                    back.append((now + rng.uniform(0, self.DOWN_S), start))
            time.sleep(STEP_S)

    def _choose(self, testbed, rng):
        name = rng.choices(list(self.WEIGHTS), self.WEIGHTS.values())[0]
        if name == "orchestrator":
            process = rng.choice(testbed.orchestrators)
        elif name == "client":
            process = rng.choice(list(testbed.clients.values()))
        else:
            return name, *{"redis": (testbed.redis_server, testbed.redis_server.start), "broker": (testbed.broker, testbed.broker.start),
                           "postgres": (testbed.postgres, testbed.start_postgres)}[name]
        return name, process, process.start

    @staticmethod
    def kinds():
        return frozenset()

    def again(self):
        return f"--seed {self.seed} --kills {self.most}"

    def __str__(self):
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.killed.items()))
        return f"seed {self.seed}: {sum(self.killed.values())} times kill -9 ({kinds})"


def run_round(testbed, audit, left, faults):
    """Returns the violations."""
    testbed.begin_round()
    version = f"5.{testbed.rounds}.0"
    rng = random.Random(f"{faults.again()} windows")
    promises = {}
    operators = Operators(testbed, left, promises, faults.again())

    def place_order():
        rollout = order(testbed, promises, "all", version, BUDGET, STARTS_S, rng.randint(*ENDS_S), selector=NOT_HELD)
        operators.begin(rollout)
        return rollout

    try:
        testbed.add_artifact(version)
        faults.play(testbed, place_order)
        testbed.make_whole()
        operators.end()
        began, mended_at = time.monotonic(), time.time()
        order(testbed, promises, "some", version, 1, 0, rng.randint(*SOON_S), selector={"branches": ["B0001", "B0002", "R1"]})
        wait_for(lambda: testbed.is_settled(list(promises)), "the rollouts come to their ends", FINISH_S)
        testbed.ask_fleet("wait_below", unconfirmed=1, timeout_ms=FINISH_S * 1000)
        wait_for(testbed.clients_are_confirmed, "all that the real clients have to say is accepted", FINISH_S)
        seconds = time.monotonic() - began
    except (AssertionError, OSError, psycopg2.Error, redis.RedisError) as fault:
        return [f"{type(fault).__name__}: {fault}", *testbed.describe(list(promises))]
    audit.faults = []
    audit.check_all(promises, faults.kinds())
    audit.check_guard()
    undone, lost = audit.check_finish(min(promises), mended_at)
    audit.faults += left.faults()
    if not audit.faults:
        did = "; ".join(operators.did) or "nothing"
        print(f"✓ {faults} (ordered meanwhile: {did}; finished {seconds:.1f} s after, {undone} not completed, {lost} attempts "
              "unanswered)", flush=True)
    return audit.faults
