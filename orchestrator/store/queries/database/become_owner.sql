-- Takes the role of the owner of the table of migrations until the end of the transaction, so that all tables have one
-- owner, whichever of its members migrates.
SELECT set_config('role', r.rolname, true)
FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
WHERE c.oid = to_regclass('migration') AND r.rolname <> current_user
