-- The bare statement that `bench update` is measured against: moves these rows to these states, unasked and
-- uncounted, and writes what the completed ones run now. Arrays of id, device, state, sequence and versions.
WITH report AS MATERIALIZED (
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::int[], $5::text[])
                  AS r(id, device, state, sequence, versions)
), told AS (
  UPDATE device d SET versions = d.versions || r.versions::jsonb, versions_at = now()
  FROM report r
  WHERE r.versions <> '' AND d.id = r.device
)
UPDATE instruction i
SET state = r.state, sequence = r.sequence,
    received_at = CASE WHEN r.state = 3 THEN now() ELSE i.received_at END,
    installing_at = CASE WHEN r.state = 4 THEN now() ELSE i.installing_at END,
    ended_at = CASE WHEN r.state = 5 THEN now() END,
    in_flight = r.state < 5,
    wake_at = CASE WHEN r.state < 5 THEN i.wake_at END
FROM report r
WHERE i.id = r.id
