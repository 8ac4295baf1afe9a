-- Reads the last accepted restore, and the device of instruction :instruction if the database has it. `through`: the
-- highest number that an instruction of the restored database can have; `ceiling`: reports on higher numbers are
-- refused. No row: there was no restore.
-- parameters: instruction bigint
-- row: through bigint, ceiling bigint, device text null
SELECT a.instruction_through AS through, a.instruction_ceiling AS ceiling, i.device
FROM (SELECT instruction_through, instruction_ceiling FROM accepted_restore ORDER BY epoch DESC LIMIT 1) a
LEFT JOIN instruction i ON i.id = :instruction
