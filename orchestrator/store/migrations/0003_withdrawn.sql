-- What a pull client had, has no more, and could still begin if a broker with an old state gave it to it.
CREATE INDEX instruction_withdrawn ON instruction (start_before, device)
  WHERE pull AND NOT in_flight AND start_before IS NOT NULL;
