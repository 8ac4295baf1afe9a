-- Ends the session with SHA-256 :digest.
-- parameters: digest text
DELETE FROM session WHERE digest = :digest
