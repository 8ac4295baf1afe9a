"""The guarantees that hold after every fault, checked from three independent sources: the database's rows and a trigger's
history of every move; the counters of the simulated fleet; the journals of the real clients and their installer's log."""

import collections
import json
import pathlib

from harness.wait import wait_for

from left_in_rounds import EXCLUDED
from outages import OUTAGES, Outages

AUDIT = """
CREATE TABLE history (
  seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), decided_at timestamptz NOT NULL DEFAULT now(),
  instruction_id bigint, rollout_id bigint, zone_no smallint, device text, branch text, attempt int, from_state smallint,
  to_state smallint, from_flight boolean, to_flight boolean, start_before timestamptz);
CREATE FUNCTION write_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO history (instruction_id, rollout_id, zone_no, device, branch, attempt, from_state, to_state, from_flight,
    to_flight, start_before)
  VALUES (NEW.id, NEW.rollout_id, NEW.zone_no, NEW.device, NEW.branch, NEW.attempt, OLD.state, NEW.state, OLD.in_flight,
    NEW.in_flight, NEW.start_before);
  RETURN NULL;
END $$;
CREATE TRIGGER history AFTER UPDATE ON instruction FOR EACH ROW
  WHEN (OLD.state <> NEW.state OR OLD.in_flight <> NEW.in_flight OR OLD.attempt <> NEW.attempt)
  EXECUTE FUNCTION write_history();
""" + OUTAGES
INSTALL = "(r.plan #>> '{spec,execution,installTimeout}')::int * interval '1 second'"
DISPATCHED, COMPLETED, CANCELLED, EXPIRED = 1, 5, 9, 10
EVENTS = {"received": 2, "installing": 3, "completed": 4, "failed": 5, "rejected": 6, "deferred": 7}  # of reports
WORK = {"asks answered": "asks_answered", "statuses received": "statuses_received",
        "instructions claimed": "instructions_claimed"}
SHARE_LEAST = 0.2  # of an equal share
SETTLE_S, SETTLE_S_PER_DEVICE = 5, 0.001  # until all devices are up to date, once everything works
UNDONE_MOST, LOST_MOST = 0.01, 0.01  # of the devices; of those that may fail one of 32 fails each of its five attempts
MIGRATES_FROZEN = {"upgrade_orchestrators", "freeze_postgres"}
RECONNECTS = 9  # the guard lets an orchestrator connect 30 times at once, and the one that conducts has three connections
SPARE = 6  # files of requests and connections that come and go

# A change of state in the history.
Move = collections.namedtuple("Move", "at_ms attempt was state")

# The limits of a rollout: its budget, and when its devices may be at work, in seconds since the epoch.
Promise = collections.namedtuple("Promise", "budget opens_at closes_at quiet")


class Audit:
    """Audits the rollouts from `since` on; 0: all."""

    def __init__(self, testbed):
        self.testbed = testbed
        self.faults = []
        self.since = 0
        self.circles = 0  # deadlocks that PostgreSQL resolved until the last audit
        self.outages = None  # of machines
        self.executions, self.double = {}, 0  # executions of the simulated devices, and the double ones
        self.accepted = 0  # reports that a simulated device got an accepting confirm for, each once
        self.compared = 0  # compared reports: each move, one of each state of an attempt, was looked for in the history

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)

    # the database alone

    def check_ends(self):
        rows = self.testbed.database.rows(
            "SELECT rollout_id, state, count(*) FROM instruction WHERE state < 5 OR in_flight OR due_at IS NOT NULL GROUP BY 1, 2")
        self.expect(not rows, f"instructions without an end: {rows}")
        # A device that got its instruction too late reports that, and gets it again: that is no end.
        refused = self.testbed.database.rows(
            "SELECT id, device, attempt, code FROM instruction WHERE state = 7 AND rollout_id >= %s LIMIT 5", self.since)
        self.expect(not refused, f"devices refused what was in order: {refused}")
        left = self.testbed.database.value("SELECT count(*) FROM claim")
        self.expect(left == 0, f"{left} claims were left")

    def check_substates(self):
        """Whichever version wrote it last, each substate is a valid one of its state, and no transient one is left."""
        wrong = self.testbed.database.rows(
            "SELECT i.state, i.substate, count(*) FROM instruction i LEFT JOIN instruction_substate b USING (state, substate) "
            "WHERE b.name IS DISTINCT FROM 'final' OR i.may_install_until IS NOT NULL AND i.state NOT IN (8, 9, 10) GROUP BY 1, 2")
        self.expect(not wrong, f"instructions in substates that have not ended: {wrong}")

    def check_counters(self):
        wrong = self.testbed.database.rows(
            "SELECT rollout_id, group_no, state, sum(n) AS difference FROM ("
            " SELECT rollout_id, group_no, state, count FROM counter"
            " UNION ALL SELECT rollout_id, group_no, state, -count(*) FROM instruction GROUP BY 1, 2, 3) AS c(rollout_id, "
            "group_no, state, n) GROUP BY 1, 2, 3 HAVING sum(n) <> 0")
        self.expect(not wrong, f"counters differ from a recount: {wrong}")

    def check_no_circles(self, kinds):
        """Writers wait for one another, but PostgreSQL never had to resolve a deadlock. It may if it stands still during a
        migration: the half second after which a migration gives way is then over together with its own deadlock_timeout."""
        circles = self.testbed.database.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        self.expect(circles <= self.circles or MIGRATES_FROZEN <= kinds, f"{circles - self.circles} deadlocks")
        self.circles = circles

    def check_forward(self):
        """Within an attempt a state only grows; a new attempt begins at created. Only a retry leaves an end that a device
        reported; any other end is also left by the device's own completed or failed."""
        wrong = self.testbed.database.rows(
            "SELECT * FROM (SELECT *, lag(to_state) OVER w AS was, lag(attempt) OVER w AS attempt_was FROM history "
            "WHERE rollout_id >= %s WINDOW w AS (PARTITION BY instruction_id ORDER BY seq)) h WHERE "
            "(was IS NOT NULL AND was <> from_state)"
            " OR attempt < attempt_was"
            " OR (attempt > attempt_was AND to_state <> 0)"
            " OR (from_state < 5 AND to_state < from_state AND to_state <> 0)"
            " OR (from_state = 5 AND to_state <> 5)"
            " OR (from_state IN (6, 7) AND to_state <> 0)"
            " OR (from_state = 8 AND to_state NOT IN (0, 5, 6))"
            " OR (from_state = 9 AND to_state NOT IN (0, 5, 6))"
            " OR (from_state = 10 AND to_state NOT IN (5, 6)) LIMIT 5", self.since)
        self.expect(not wrong, f"states went backward: {wrong}")

    def check_budgets(self, promises):
        """While a rollout has something in flight in a branch, the devices in flight there, over all rollouts, and the machines
        out of service stay within its budget."""
        budgets = {rollout: promise.budget for rollout, promise in promises.items()}
        over = self.outages.starts_over_budget(budgets)
        self.expect(not over, f"branches over their budget: {over[:3]}")

    def check_work(self, promises):
        """The same for the simulated devices' own times of work, except repairs; and a node worked alone."""
        turns = collections.defaultdict(list)  # by branch: (when, whether it begins, device, rollout)
        for device, executions in self.executions.items():
            for one in executions:
                if one["executed"] > 0 and not self.outages.was_out(device, one["began_ms"]):
                    turns[device.split("-")[0]] += [(one["began_ms"], True, device, one["rollout"]),
                                                    (one["ended_ms"] or float("inf"), False, device, one["rollout"])]
        for branch in set(turns) & set(self.testbed.branches):
            at_work = collections.Counter()
            for when, begins, device, rollout in sorted(turns[branch]):
                at_work[device, rollout] += 1 if begins else -1
                busy = +at_work
                most = 1 if any(one == branch for one, _ in busy) else min(
                    (promises[number].budget for _, number in busy), default=0)
                self.expect(len(busy) <= most, f"more than {most} at work in {branch} at {when}: {dict(busy)}")

    def check_one_at_a_time(self):
        over = self.testbed.database.rows(
            "SELECT * FROM (SELECT device, seq, sum(to_flight::int - from_flight::int) OVER (PARTITION BY device ORDER BY "
            "seq) AS down FROM history WHERE rollout_id >= %s) h WHERE down > 1 LIMIT 5", self.since)
        self.expect(not over, f"devices with two things at once: {over}")

    def check_windows(self, promises):
        """The windows are within the ordered ones. No instruction starts outside a window of its zone, or with less of it left
        than an installation takes, and no simulated device begins after its limit."""
        for rollout, promise in promises.items():
            wrong = self.testbed.database.rows(
                "SELECT * FROM rollout_window WHERE rollout_id = %s AND (opens_at < to_timestamp(%s) OR closes_at > "
                "to_timestamp(%s))", rollout, promise.opens_at, promise.closes_at)
            self.expect(not wrong, f"windows that were not ordered: {wrong}, {promise}")
        outside = self.testbed.database.rows(
            "SELECT h.* FROM history h JOIN rollout r ON r.id = h.rollout_id "
            "WHERE h.to_flight AND NOT h.from_flight AND h.rollout_id >= %s AND NOT EXISTS (SELECT FROM rollout_window w "
            "WHERE w.rollout_id = h.rollout_id AND w.zone_no = h.zone_no AND w.opens_at <= h.decided_at "
            f"AND w.closes_at - {INSTALL} >= h.decided_at AND w.closes_at - {INSTALL} >= h.start_before) LIMIT 5", self.since)
        self.expect(not outside, f"started outside their windows: {outside}")
        latest = {(row["instruction_id"], row["attempt"]): row["start_before"].timestamp() for row in self.testbed.database.rows(
            "SELECT instruction_id, attempt, start_before FROM history WHERE to_flight AND NOT from_flight AND rollout_id >= %s",
            self.since)}
        late = [(device, one) for device, executions in self.executions.items() for one in executions
                if one["began_ms"] / 1000 >= latest.get((one["instruction"], one["attempt"]), 0) and one["executed"] > 0]
        self.expect(not late, f"devices began too late: {late[:3]}")

    def check_quiet(self, rollout, times):
        for begin, end in times:
            started = self.testbed.database.rows(
                "SELECT * FROM history WHERE rollout_id = %s AND to_flight AND NOT from_flight AND at > to_timestamp(%s) "
                "AND at < to_timestamp(%s) LIMIT 5", rollout, begin, end)
            self.expect(not started, f"started while it was paused or cancelled: {started}")

    # accepted reports against the history

    def _moves(self):
        """Returns the moves by instruction."""
        moves = collections.defaultdict(list)
        for row in self.testbed.database.rows(
                "SELECT instruction_id, floor(extract(epoch FROM at) * 1000)::bigint AS at_ms, attempt, from_state, to_state "
                "FROM history WHERE rollout_id >= %s AND from_state <> to_state ORDER BY seq", self.since):
            moves[row["instruction_id"]].append(Move(row["at_ms"], row["attempt"], row["from_state"], row["to_state"]))
        return moves

    def _rules(self):
        """Returns the following state by state and event."""
        return {(row["from_state"], row["event"]): row["to_state"]
                for row in self.testbed.database.rows("SELECT from_state, event, to_state FROM instruction_transition")}

    @staticmethod
    def _is_kept(moves, rules, attempt, reported, until_ms=float("inf")):
        """Whether the report of this attempt made its move before `until_ms`, or had no move to make: its state leads nowhere
        from the row's state, or the row has another attempt, for which the report does not count."""
        event = EVENTS[reported]

        def counts(state, present):
            return present == attempt or event == EVENTS["completed"] or (
                event == EVENTS["failed"] and state in (CANCELLED, EXPIRED))

        was_started = False
        for move in moves:
            if move.at_ms > until_ms:
                return False
            if was_started:
                if counts(move.was, move.attempt) and rules.get((move.was, event)) == move.state:
                    return True
                if not counts(move.state, move.attempt) or (move.state, event) not in rules:
                    return True
            was_started = was_started or (move.attempt, move.state) == (attempt, DISPATCHED)
        return False

    # the fleet against the database

    def check_fleet(self):
        counters = self.testbed.ask_fleet("counters")
        self.expect(counters["double_executions"] == 0, f"{counters['double_executions']} attempts were executed twice")
        self.accepted, self.compared = counters["accepted"], 0
        self.expect(self.double == 0, f"{self.double} executions too many")
        states = {row["id"]: row for row in self.testbed.database.rows(
            "SELECT id, device, state, attempt, code FROM instruction WHERE rollout_id >= %s", self.since)}
        moves, rules = self._moves(), self._rules()
        lost, wrong, done = [], [], set()
        for device, executions in self.executions.items():
            completed = collections.Counter()
            for one in executions:
                row = states.get(one["instruction"])
                if row is None or row["device"] != device:
                    wrong.append((device, one))
                    continue
                if one["executed"] > 0:
                    done.add(one["instruction"])
                completed[one["instruction"]] += one["state"] == "completed" and one["executed"] > 0
                self.compared += len(one["accepted"])
                lost += [(device, reported, one, moves[one["instruction"]]) for reported, at_ms in one["accepted"].items()
                         if not self._is_kept(moves[one["instruction"]], rules, one["attempt"], reported, at_ms)]
                if "completed" in one["accepted"] and row["state"] != COMPLETED:
                    lost.append((device, "completed", one, row))
            twice = {instruction for instruction, times in completed.items() if times > 1}
            self.expect(not twice, f"{device} completed {twice} in two attempts, both executed")
        self.expect(not wrong, f"devices executed what is not theirs: {wrong[:3]}")
        self.expect(not lost, f"{len(lost)} accepted statuses were lost: {lost[:3]}")
        invented = [row for row in states.values() if row["state"] == COMPLETED and row["id"] not in done
                    and row["device"] not in self.testbed.clients and row["code"] != "not_needed"]
        self.expect(not invented, f"completed, but never executed: {invented[:3]}")

    # the real clients

    def check_clients(self):
        begun = collections.Counter(self._installs("installs"))
        twice = [line for line, count in begun.items() if count > 1]
        self.expect(not twice, f"real clients ran an attempt twice: {twice}")
        done = collections.defaultdict(list)
        for device, instruction, attempt in map(str.split, self._installs("installed")):
            done[device, int(instruction)].append(int(attempt))
        moves, rules = self._moves(), self._rules()
        for name, client in self.testbed.clients.items():
            journal = self._journal(client)
            # An installer outlives its agent, and its end is then unknown: only such an attempt is repeated.
            twice = [(instruction, attempts) for (device, instruction), attempts in done.items()
                     if device == name and instruction in moves
                     and any(journal[instruction, attempt].get("code") != "interrupted" for attempt in attempts[:-1])]
            self.expect(not twice, f"{name} did in two attempts what was done: {twice}")
            newest = {instruction: entry for (instruction, _), entry in journal.items()}
            for row in self.testbed.database.rows(
                    "SELECT id, state, attempt FROM instruction WHERE device = %s AND rollout_id >= %s", name, self.since):
                entry = newest.get(row["id"])
                if row["state"] == COMPLETED:
                    self.expect(entry is not None and entry["state"] == "completed",
                                f"{name}: {row} in the database, {entry} in its journal")
                elif entry is not None:
                    self.expect(entry.get("state") != "completed", f"{name}: {entry} in its journal, {row} in the database")
            lost = [(entry, moves[instruction]) for (instruction, attempt), entry in journal.items()
                    if instruction in moves and entry["stage"] == "ended" and entry["reported"]
                    and not self._is_kept(moves[instruction], rules, attempt, entry["state"])]
            self.expect(not lost, f"{name}: {len(lost)} ends in its journal were lost: {lost[:2]}")

    def _installs(self, name):
        """Returns lines of device, instruction and attempt."""
        log = self.testbed.folder / name
        return log.read_text().splitlines() if log.exists() else []

    @staticmethod
    def _journal(client):
        """Returns the last record of the journal by instruction and attempt, in their order."""
        entries = {}
        for line in (client.folder / "journal").read_text(errors="replace").splitlines():
            text = line[line.find("{"):]
            try:
                entry = json.loads(text)
            except ValueError:
                continue
            if "instruction" in entry:
                entries[entry["instruction"], entry["attempt"]] = entry
        return entries

    # the broker's guard

    def check_guard(self):
        """It refused nothing: everybody here does what an installation does, and a fault is no reason to be refused."""
        refused = self.testbed.broker.refused()
        self.expect(not refused, f"the guard refused: {refused}")
        wrong = self.testbed.wrong_at_guard()
        self.expect(not wrong, f"the guard's table and counts, found and expected: {wrong}")

    # numbers that must not grow

    def _footprint(self):
        """Returns the most threads and open files that an orchestrator has, and the connections of all. The one that conducts has
        most, for presence and webhooks, and who has conducted keeps some: any of them may have as many as a fresh conductor."""
        found = {}
        for what, folder in (("threads", "task"), ("files", "fd")):
            found[what] = max(len(list(pathlib.Path(f"/proc/{one.pid}/{folder}").iterdir())) for one in self.testbed.orchestrators)
        found["database connections"] = self.testbed.database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tellercastd%%'")
        return found

    def _reconnect(self, times):
        """The orchestrators lose the broker and connect again."""
        for _ in range(times):
            for mode, is_ready in (("cut", False), ("open", True)):
                self.testbed.to_broker.set(mode)
                for one in self.testbed.orchestrators:
                    wait_for(lambda one=one, is_ready=is_ready: one.is_ready() == is_ready, f"{one.name}: ready is {is_ready}")

    def check_nothing_leaks(self, run_quiet_round):
        """Orchestrators that lived through all faults have no more than fresh ones after a round without faults, whose work
        both share. Returns the work of each, as the lines of a table, and the violations."""
        self._reconnect(RECONNECTS)
        grown = self._footprint()
        slow = [one.name for one in self.testbed.orchestrators if one.stop(seconds=5) != 0]
        for one in self.testbed.orchestrators:
            one.start()
            one.wait_until_ready()
        faults = run_quiet_round()
        fresh = self._footprint()
        shares = self._shares()
        self.faults = faults
        self.expect(not slow, f"{slow} did not end well")
        for what, number in grown.items():
            self.expect(number <= fresh[what] + SPARE, f"{what}: {number}, and {fresh[what]} afresh")
        retained = self.testbed.broker.retained()
        self.expect(not retained, f"instructions that are over are still retained: {retained[:5]}")
        return self._share_work(shares), self.faults

    def _shares(self):
        return {title: [one.http.metric(f"tellercast_{name}_total") for one in self.testbed.orchestrators]
                for title, name in WORK.items()}

    def _share_work(self, shares):
        """Each orchestrator has a share of the messages that the broker spreads; a turn of claims goes to the first that asks."""
        lines = []
        for title, numbers in shares.items():
            total = sum(numbers)
            lines.append(f"{title:22}" + "".join(f"{number:8,.0f} {number / max(total, 1):4.0%}" for number in numbers))
            is_spread = min(numbers) >= total * SHARE_LEAST / len(numbers)
            self.expect(is_spread or "claim" in title, f"{title}: {numbers} is no sharing")
        return lines

    def check_finish(self, rollout, mended_at):
        """All but a few devices of a rollout with enough time completed it, and almost every attempt that was started after the
        repair was answered. Returns the numbers of the others."""
        excluded = self.testbed.database.value(
            "SELECT count(*) FROM instruction WHERE rollout_id = %s AND device = %s AND code = 'excluded'", rollout, EXCLUDED)
        states = +(collections.Counter(self.testbed.database.states(rollout)) - collections.Counter(cancelled=excluded))
        undone = sum(states.values()) - states.get("completed", 0)
        self.expect(set(states) <= {"completed", "failed", "timed_out"}, f"the rollout had its time, and ended with {states}")
        self.expect(undone <= self.testbed.size * UNDONE_MOST, f"too few completed it: {states}")
        lost = self.testbed.database.value(
            "SELECT count(*) FROM history h WHERE rollout_id = %s AND to_state = 8 AND EXISTS (SELECT FROM history d "
            "WHERE d.instruction_id = h.instruction_id AND d.attempt = h.attempt AND d.to_state = 1 "
            "AND d.at > to_timestamp(%s))", rollout, mended_at + SETTLE_S + SETTLE_S_PER_DEVICE * self.testbed.size)
        self.expect(lost <= self.testbed.size * LOST_MOST, f"{lost} attempts got no answer after everything worked again")
        return undone, lost

    def check_all(self, promises, kinds=frozenset()):
        """Audits a round with these rollouts, the first of which was ordered first, and faults of these kinds."""
        self.since = min(promises, default=0)
        found = self.testbed.ask_fleet("executions", match="*", from_rollout=self.since)
        self.executions, self.double = found["list"], found["double"]
        self.check_ends()
        self.check_substates()
        self.check_counters()
        self.check_no_circles(kinds)
        self.check_forward()
        self.check_one_at_a_time()
        self.outages = Outages(self.testbed.database, self.since)
        self.check_budgets(promises)
        for rollout, promise in promises.items():
            self.check_quiet(rollout, promise.quiet)
        if promises:
            self.check_work(promises)
        self.check_windows(promises)
        self.check_fleet()
        self.check_clients()
