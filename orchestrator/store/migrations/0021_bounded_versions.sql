-- Versions were once merged for ever: a device could leave thousands of entries. Of a row with more than a message may
-- have (VERSIONS_MAX), 64 stay: first those of artifacts that plans name. The device's next ask replaces them all.
UPDATE device d
SET versions = (SELECT jsonb_object_agg(kept.key, kept.value)
                FROM (SELECT e.key, e.value
                      FROM jsonb_each(d.versions) e
                      LEFT JOIN (SELECT DISTINCT plan #>> '{spec,artifact,name}' AS name FROM rollout) planned ON planned.name = e.key
                      ORDER BY planned.name IS NULL, e.key
                      LIMIT 64) kept)
WHERE (SELECT count(*) FROM jsonb_object_keys(d.versions)) > 64;

UPDATE unknown_order u
SET versions = (SELECT jsonb_object_agg(kept.key, kept.value)
                FROM (SELECT e.key, e.value
                      FROM jsonb_each(u.versions) e
                      LEFT JOIN (SELECT DISTINCT plan #>> '{spec,artifact,name}' AS name FROM rollout) planned ON planned.name = e.key
                      ORDER BY planned.name IS NULL, e.key
                      LIMIT 64) kept)
WHERE (SELECT count(*) FROM jsonb_object_keys(u.versions)) > 64;
