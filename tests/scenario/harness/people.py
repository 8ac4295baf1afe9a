"""The people of a stack. Tests need many, so they are rows of the database and not made by two admins each time; test_people.py
makes them as admins do."""

import contextlib
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from .wait import wait_for

# As raise_people.sql does.
RAISE = "UPDATE people SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
EVERY_ROLE = ("viewer", "operator", "approver", "auditor", "admin", "break_glass")


def token_of(name):
    return f"token-of-{name}"


class People:
    def __init__(self, database, folder=None):
        self._database, self._folder = database, folder
        self._settled = 0

    def add(self, name, roles=EVERY_ROLE, aliases=(), valid_for="1 day", scope=None):
        """Adds a person with roles, a token and other names, each as (kind, value), or gives a person more of them. The roles
        count in `scope`, as {"region": ["emea"]}."""
        digest = hashlib.sha256(token_of(name).encode()).hexdigest()
        rows = self._database.rows
        rows("INSERT INTO person (name, created_by) VALUES (%s, 'test') ON CONFLICT DO NOTHING", name)
        for kind, value in (("author", name), *aliases):
            rows("INSERT INTO alias (kind, value, person, linked_by, confirmed_at, confirmed_by) "
                 "VALUES (%s, %s, %s, 'test', now(), 'test') ON CONFLICT DO NOTHING", kind, value, name)
        for role in roles:
            rows("INSERT INTO person_role (person, role, scope, granted_by, confirmed_at, confirmed_by) "
                 "VALUES (%s, %s, %s::jsonb, 'test', now(), 'test') ON CONFLICT DO NOTHING", name, role, json.dumps(scope or {}))
        rows("INSERT INTO token (id, person, digest, created_by, confirmed_at, confirmed_by, expires_at) "
             "VALUES (left(%s, 12), %s, %s, 'test', now(), 'test', now() + %s::interval) ON CONFLICT DO NOTHING",
             digest, name, digest, valid_for)
        rows(RAISE)
        return token_of(name)

    def file(self, http, name):
        """Returns a file with the token of this person."""
        self.headers(http, name)
        path = self._folder / f"token-of-{name}"
        path.write_text(token_of(name) + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def headers(self, http, name):
        """The headers of a request of this person, who gets every role if it is new."""
        headers = bearer(token_of(name))
        if http.ask("GET", "/v1/me", headers=headers).status == 401:
            self.add(name)
            self.known(http, name)
        return headers

    def known(self, http, name):
        """Waits until the orchestrator has read of a person. Returns the headers of its requests."""
        headers = bearer(token_of(name))
        wait_for(lambda: http.ask("GET", "/v1/me", headers=headers).status == 200, f"{name} is known")
        return headers

    def link(self, kind, value, person):
        """Gives another name to a person, and takes it from the one who had it."""
        self._database.rows(
            "INSERT INTO alias (kind, value, person, linked_by, confirmed_at, confirmed_by) "
            "VALUES (%s, %s, %s, 'test', now(), 'test') ON CONFLICT (kind, value) DO UPDATE SET person = excluded.person",
            kind, value, person)
        self._database.rows(RAISE)

    def settle(self, *https):
        """Returns when each orchestrator has read everything that was written before."""
        self._settled += 1
        name = f"settled-{self._settled}"
        self.add(name, ())
        for http in https:
            self.known(http, name)

    def act_before(self, act, *changes):
        """Returns what `act` returns when these changes, each a statement with its values, are committed after an orchestrator
        allowed it and before it is done. No orchestrator can know of them before: the act waits for their transaction."""
        with contextlib.closing(self._database.connect()) as connection, connection.cursor() as cursor, ThreadPoolExecutor() as pool:
            connection.autocommit = False
            cursor.execute(RAISE)
            for statement, *values in changes:
                cursor.execute(statement, values)
            answer = pool.submit(act)
            wait_for(lambda: answer.done() or self._is_awaited(connection.info.backend_pid), "the act waits or has ended")
            connection.commit()
            return answer.result()

    def _is_awaited(self, session):
        return self._database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid)) "
            "AND application_name NOT IN ('tellercastd people', 'tellercastd recorder')", session) > 0


def bearer(token):
    return {"Authorization": f"Bearer {token}"}
