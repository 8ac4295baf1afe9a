"""A large fleet beside another one, with a rollout of all of it."""

MANY = 200_000


def add_many(testbed):
    """Adds a fleet of this size, of which each device has an instruction, with statistics."""
    run = testbed.database.rows
    run("INSERT INTO branch (id, name, zone, labels, machines) SELECT 'M' || n, '', 'UTC', jsonb_build_object('bank', 'many', 'area', 'x' || n / 20), 20 "
        "FROM generate_series(1, %s / 20) n", MANY)
    run("INSERT INTO device (id, branch, role, model, versions) SELECT b.id || '-' || k, b.id, 'atm', 'm' || k, "
        """jsonb_build_object('many-app', '1.' || k) FROM branch b, generate_series(1, 20) k WHERE b.id LIKE 'M%%'""")
    run("INSERT INTO rollout (name, digest, plan, shared_claims, state, author, door, devices) "
        "VALUES ('of-many', '', '{}', '', 'completed', 'x', 'http', %s)", MANY)
    run("INSERT INTO instruction (rollout_id, group_no, zone_no, pull, branch, device, state, in_flight) "
        "SELECT r.id, 1, 1, false, d.branch, d.id, 0, false FROM device d, rollout r WHERE r.name = 'of-many' AND d.id LIKE 'M%%'")
    run("ANALYZE")
    return testbed
