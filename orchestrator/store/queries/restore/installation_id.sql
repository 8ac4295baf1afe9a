-- Reads the ID of the installation, which its first migration set. No row: there is none.
-- row: id uuid
SELECT id FROM installation
