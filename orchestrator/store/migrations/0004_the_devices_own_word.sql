-- What a device says that it did counts over what was only assumed of it.

INSERT INTO instruction_rule VALUES
  (8, 5, 6),  -- it was at work, and says how that ended
  (9, 5, 6),  -- the same, when it was cancelled meanwhile
  (10, 5, 6); -- or when its next attempt expired
