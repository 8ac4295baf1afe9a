-- parameters: name text
INSERT INTO migration (name) VALUES (:name)
