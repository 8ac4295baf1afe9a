-- Records how the test of webhook :name ended that was ordered at :test_at_us; :error '': well.
-- parameters: name text, test_at_us bigint, error text
UPDATE webhook
SET tested_at = greatest(now(), timestamptz 'epoch' + :test_at_us::bigint * interval '1 microsecond'), test_error = nullif(:error, '')
WHERE name = :name
