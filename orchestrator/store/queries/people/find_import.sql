-- Finds the import of the file of tokens of :orchestrator. No row: it was not imported.
-- parameters: orchestrator text
-- row: imported_at text
SELECT rfc3339(imported_at) AS imported_at FROM tokens_file WHERE orchestrator = :orchestrator
