-- Discards IDs that this session reserved: they would not be consecutive.
DISCARD SEQUENCES
