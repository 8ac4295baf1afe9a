INSERT INTO migration (name) VALUES ($1)
