-- Records that the file of tokens of :orchestrator was imported.
-- parameters: orchestrator text
INSERT INTO tokens_file (orchestrator) VALUES (:orchestrator)
