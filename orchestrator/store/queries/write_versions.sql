-- What devices told of their versions, arrays of device and versions; the last that each told.
UPDATE device d
SET versions = d.versions || t.versions::jsonb, versions_at = now()
FROM (SELECT DISTINCT ON (n.device) n.device, n.versions
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n(device, versions, at)
      ORDER BY n.device, n.at DESC) t
WHERE d.id = t.device AND NOT d.versions @> t.versions::jsonb
