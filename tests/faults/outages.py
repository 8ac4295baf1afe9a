"""The machines that were out of service, from a trigger's history, and the budgets computed with them: such a machine uses a
place until it is back, and an attempt on one takes no further place, one at a time in a branch."""

import collections

OUTAGES = """
CREATE TABLE outage (seq bigint PRIMARY KEY DEFAULT nextval('history_seq_seq'),
  at timestamptz NOT NULL DEFAULT clock_timestamp(), device text, branch text, begins boolean);
CREATE FUNCTION write_outage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO outage (device, branch, begins)
  SELECT coalesce(NEW.device, OLD.device), coalesce(NEW.branch, OLD.branch), TG_OP = 'INSERT';
  RETURN NULL;
END $$;
CREATE TRIGGER history AFTER INSERT OR DELETE ON unavailable FOR EACH ROW EXECUTE FUNCTION write_outage();
"""


class Outages:
    def __init__(self, database, since):
        self._database = database
        self._since = since
        self._rows = database.rows("SELECT * FROM outage ORDER BY seq")

    def was_out(self, device, at_ms):
        out = False
        for row in self._rows:
            if row["device"] == device and row["at"].timestamp() * 1000 <= at_ms:
                out = row["begins"]
        return out

    def starts_over_budget(self, budgets):
        """budgets: the budget of each rollout, which holds while it has something in flight in a branch."""
        flying, down = collections.defaultdict(dict), collections.defaultdict(set)  # by branch
        moves = self._database.rows(
            "SELECT seq, device, branch, rollout_id, to_flight FROM history WHERE rollout_id >= %s AND branch IS NOT NULL "
            "AND from_flight <> to_flight", self._since)
        over = []
        for row in sorted([*moves, *self._rows], key=lambda row: row["seq"]):
            device, branch = row["device"], row["branch"]
            if "begins" in row:
                (down[branch].add if row["begins"] else down[branch].discard)(device)
            elif not row["to_flight"]:
                flying[branch].pop(device, None)
            else:
                flying[branch][device] = row["rollout_id"]
                if self._is_over(device, flying[branch], down[branch], budgets):
                    over.append((row["seq"], device, dict(flying[branch]), sorted(down[branch])))
        return over

    @staticmethod
    def _is_over(device, flying, down, budgets):
        promised = [budgets[rollout] for rollout in flying.values() if rollout in budgets]
        if not promised:
            return False
        if device in down:
            return len(down & set(flying)) > 1
        return len(down | set(flying)) > min(promised)
