-- Whether the key :id may sign now.
-- parameters: id text
-- row: may_sign boolean
-- alone
SELECT EXISTS (SELECT FROM signing_key WHERE id = :id AND state = :KEY_SIGNING) AS may_sign
