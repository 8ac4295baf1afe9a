-- row: id uuid
SELECT id FROM installation
