"""A large fleet written straight into the tables, in the order of an import."""

ATMS_A_BRANCH = 19
DEVICES_A_BRANCH = ATMS_A_BRANCH + 1
ZONES = "ARRAY['Europe/Berlin', 'Asia/Shanghai', 'America/New_York', 'Asia/Kolkata']"


def make_fleet(rig, devices):
    rig.psql(
        "TRUNCATE branch, device CASCADE",
        f"""INSERT INTO branch (id, name, zone, labels)
            SELECT 'B' || lpad(n::text, 5, '0'), 'Branch ' || n, ({ZONES})[1 + n % 4], '{{"site": "branch"}}'
            FROM generate_series(1, {devices // DEVICES_A_BRANCH}) n""",
        f"""INSERT INTO device (id, branch, role, model, versions)
            SELECT CASE k WHEN 0 THEN b.id ELSE b.id || '-A' || k END, b.id, CASE k WHEN 0 THEN 'node' ELSE 'atm' END,
                   'selfserv-80', '{{"atm-app": "4.7.0"}}'
            FROM branch b, generate_series(0, {ATMS_A_BRANCH}) k
            ORDER BY b.id, k""",
        "VACUUM ANALYZE branch, device",
    )
