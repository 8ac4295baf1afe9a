-- Records that migration :name was applied. Runs in the transaction of that migration.
-- parameters: name text
INSERT INTO migration (name) VALUES (:name)
