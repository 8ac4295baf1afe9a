-- Devices of a branch that were given up after they were answered, for what it can spare: they may be at work.
CREATE INDEX instruction_branch_in_doubt ON instruction (branch)
  WHERE code IN ('not_installing', 'atm_silent', 'device_silent') AND branch IS NOT NULL;
