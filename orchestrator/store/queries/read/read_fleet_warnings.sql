-- Counts the entries of the fleet that an import refuses today but that earlier versions accepted, with an example of
-- each enum fleet_warning_kind. :reserved: IDs that no device may have.
-- parameters: reserved text[]
-- row: reserved_count bigint, reserved_example text null, dashed_count bigint, dashed_example text null,
--   labelled_count bigint, labelled_example text null, zoneless_count bigint, zoneless_example text null
-- alone
WITH reserved AS (
  SELECT id FROM device WHERE id = ANY (:reserved) UNION SELECT id FROM branch WHERE id = ANY (:reserved)
), dashed AS (
  SELECT id FROM device WHERE id LIKE '-%' UNION SELECT id FROM branch WHERE id LIKE '-%'
), labelled AS (
  SELECT id FROM device WHERE labels ?| '{role,model,branch}'
  UNION
  SELECT id FROM branch WHERE labels ?| '{role,model,branch}'
), zoneless AS (
  SELECT id FROM device WHERE branch IS NULL AND zone IS NULL
)
SELECT r.n AS reserved_count, r.example AS reserved_example, d.n AS dashed_count, d.example AS dashed_example,
       l.n AS labelled_count, l.example AS labelled_example, z.n AS zoneless_count, z.example AS zoneless_example
FROM (SELECT count(*) AS n, min(id) AS example FROM reserved) r,
     (SELECT count(*) AS n, min(id) AS example FROM dashed) d,
     (SELECT count(*) AS n, min(id) AS example FROM labelled) l,
     (SELECT count(*) AS n, min(id) AS example FROM zoneless) z
