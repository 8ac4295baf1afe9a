-- row: is_there boolean
SELECT to_regclass('installation') IS NOT NULL AS is_there
