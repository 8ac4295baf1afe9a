-- The code with which a device gets its first certificate, or another one after its last has expired. A device has one code
-- at most: a new one voids the one before. The code itself is not kept, only its SHA-256: it has 100 random bits.
CREATE TABLE enrolment (
  device text COLLATE "C" PRIMARY KEY,
  code_hash text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  made_by text NOT NULL,
  expires_at timestamptz NOT NULL,
  -- When the code was used, and the SHA-256 of the public key that it was used for: a device whose answer was lost may send
  -- the same request again.
  used_at timestamptz,
  used_key text
);

-- The certificates that orchestrators issued to devices and that have not expired. Those that expired are deleted when the
-- device gets its next one.
CREATE TABLE device_certificate (
  serial text COLLATE "C" PRIMARY KEY, -- upper-case hexadecimal digits
  device text COLLATE "C" NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  not_after timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX device_certificate_device ON device_certificate (device);
CREATE INDEX device_certificate_revoked ON device_certificate (serial) WHERE revoked_at IS NOT NULL;

-- The last time that all certificates of a device were revoked. It also counts for those that are missing above, for example
-- after a restore of the database: one whose validity begins before this is revoked.
CREATE TABLE device_revocation (
  device text COLLATE "C" PRIMARY KEY,
  revoked_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  reason text NOT NULL
);
