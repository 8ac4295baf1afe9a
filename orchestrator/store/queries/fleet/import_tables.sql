-- Creates the temporary tables of an import, once in a session.
SELECT make_import_tables()
