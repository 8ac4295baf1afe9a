-- The public halves of the signing keys, and which of them devices are to trust. The private halves are files of the
-- orchestrators. A row is never deleted: a key that was removed must stay removed.
CREATE TABLE signing_key (
  id text COLLATE "C" PRIMARY KEY, -- `kid`
  x text NOT NULL,                 -- as in a JWK
  state text NOT NULL CHECK (state IN (:KEY_OFFERED, :KEY_SIGNING, :KEY_RETIRING, :KEY_RETIRED, :KEY_REVOKED)),
  rotation bigint NOT NULL,        -- the rotation that it was made for; 0: before the first
  holders text[] NOT NULL,         -- orchestrators that have no newer key that may sign
  created_at timestamptz NOT NULL DEFAULT now(),
  signing_at timestamptz,
  left_at timestamptz,             -- the last holder left it
  removed_at timestamptz,
  actor text NOT NULL DEFAULT '',  -- who revoked it, or let it sign before all devices trusted it
  reason text NOT NULL DEFAULT ''
);

-- The last rotation. Each orchestrator makes a key for it.
CREATE TABLE key_rotation (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  number bigint NOT NULL DEFAULT 0,
  requested_at timestamptz,
  actor text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT ''
);
INSERT INTO key_rotation DEFAULT VALUES;

-- The keys that the device trusts, as its asks name them; null: it never named any.
ALTER TABLE device ADD COLUMN trusted_keys text[];

-- The devices that a new key must reach before it signs.
CREATE VIEW device_in_service AS SELECT id, branch, trusted_keys FROM device;
