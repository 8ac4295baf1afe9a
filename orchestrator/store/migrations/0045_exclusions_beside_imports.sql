-- How often the fleet was imported: each import may change labels. An exclusion that is ordered while one is under way is not looked
-- at again by it, so the conductor compares: it has looked at all if no import was committed since the look began.
ALTER TABLE directory ADD COLUMN imports bigint NOT NULL DEFAULT 0;
ALTER TABLE exclusion ADD COLUMN seen_imports bigint NOT NULL DEFAULT 0; -- when the look began

-- As before; what an import may have brought into it is not looked at yet.
CREATE OR REPLACE FUNCTION exclusion_told(x exclusion) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT json_build_object('exclusion', x.id, 'match', CASE WHEN x.device IS NULL THEN x.scope END, 'device', x.device,
                           'reason', x.reason, 'by', x.excluded_by, 'at', rfc3339(x.excluded_at), 'ended', x.ended,
                           'is_whole', x.is_whole AND (x.device IS NOT NULL OR x.seen_imports = (SELECT d.imports FROM directory d)))
$$;
