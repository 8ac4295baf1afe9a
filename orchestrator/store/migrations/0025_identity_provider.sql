-- Who signs in at the bank's identity provider is known by the issuer and sub of its tokens. A check that allows more is no
-- harm to the version before.
ALTER TABLE alias DROP CONSTRAINT alias_kind_check;
ALTER TABLE alias ADD CONSTRAINT alias_kind_check
  CHECK (kind IN (:ALIAS_UNIX_USER, :ALIAS_CERTIFICATE, :ALIAS_MQTT_USER, :ALIAS_OIDC, :ALIAS_AUTHOR));

-- Who signed in, until it expires or they sign out. The secret in the browser's cookie is not kept, only its SHA-256. It
-- counts while the alias is linked to the person.
CREATE TABLE session (
  id text COLLATE "C" PRIMARY KEY, -- the public part
  person text COLLATE "C" NOT NULL REFERENCES person,
  alias text COLLATE "C" NOT NULL, -- of the kind oidc
  digest text COLLATE "C" NOT NULL UNIQUE,
  roles text NOT NULL, -- that the groups gave at the sign-in, joined by spaces
  created_at timestamptz NOT NULL DEFAULT now(),
  created_from text NOT NULL, -- the address
  expires_at timestamptz NOT NULL
);
CREATE INDEX session_person ON session (person);
