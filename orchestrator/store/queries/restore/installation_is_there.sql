-- Returns whether the table of the installation exists: false in an empty database, before the migrations.
-- row: is_there boolean
SELECT to_regclass('installation') IS NOT NULL AS is_there
