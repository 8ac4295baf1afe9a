-- Ids that this session has drawn in advance, before others drew theirs, would not run on.
DISCARD SEQUENCES
