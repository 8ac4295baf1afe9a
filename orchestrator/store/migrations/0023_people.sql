-- Who may act. A person is one subject with other names (aliases) and tokens; tables have the person's name as the author or
-- actor of what it does. Each transaction that changes one of these tables raises the version, by which orchestrators see
-- that they must read them again.
CREATE TABLE people (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  version bigint NOT NULL DEFAULT 1
);
INSERT INTO people DEFAULT VALUES;

-- A person is never deleted and never renamed: its name is in the record of what it did.
CREATE TABLE person (
  name text COLLATE "C" PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  disabled_at timestamptz,
  disabled_by text
);

-- What an admin ordered waits for a second one while confirmed_at is null, and counts for nothing until then. What needs no
-- second one is confirmed by the one who ordered it.
CREATE TABLE person_role (
  person text COLLATE "C" NOT NULL REFERENCES person,
  role text NOT NULL
    CHECK (role IN (:PERSON_VIEWER, :PERSON_OPERATOR, :PERSON_APPROVER, :PERSON_AUDITOR, :PERSON_ADMIN)),
  granted_at timestamptz NOT NULL DEFAULT now(),
  granted_by text NOT NULL,
  confirmed_at timestamptz,
  confirmed_by text,
  PRIMARY KEY (person, role)
);

-- Each person has its own name as an author's name, so that no other person can have it.
CREATE TABLE alias (
  kind text NOT NULL CHECK (kind IN (:ALIAS_UNIX_USER, :ALIAS_CERTIFICATE, :ALIAS_MQTT_USER, :ALIAS_AUTHOR)),
  value text COLLATE "C" NOT NULL,
  person text COLLATE "C" NOT NULL REFERENCES person,
  linked_at timestamptz NOT NULL DEFAULT now(),
  linked_by text NOT NULL,
  confirmed_at timestamptz,
  confirmed_by text,
  PRIMARY KEY (kind, value)
);
CREATE INDEX alias_person ON alias (person);

-- The token itself is not kept, only its SHA-256.
CREATE TABLE token (
  id text COLLATE "C" PRIMARY KEY, -- the public part
  person text COLLATE "C" NOT NULL REFERENCES person,
  digest text COLLATE "C" NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  confirmed_at timestamptz,
  confirmed_by text,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_by text,
  last_used_at timestamptz, -- exact to a minute
  last_used_from text
);
CREATE INDEX token_person ON token (person);

-- The files of tokens of the version before that were taken over, one for each orchestrator.
CREATE TABLE tokens_file (
  orchestrator text COLLATE "C" PRIMARY KEY,
  imported_at timestamptz NOT NULL DEFAULT now()
);

-- The person who acted under a name, for comparisons: a person who had another name before is the same person. A name that is
-- linked to nobody stands for itself.
CREATE FUNCTION acting_person(actor text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT a.person FROM alias a
                   WHERE a.kind = :ALIAS_AUTHOR AND a.value = actor AND a.confirmed_at IS NOT NULL), actor)
$$;

-- Whether it is known who acted under a name.
CREATE FUNCTION actor_is_known(actor text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT actor IN (:ACTOR_TELLERCAST, :ACTOR_LOOPBACK)
      OR EXISTS (SELECT FROM alias a WHERE a.kind = :ALIAS_AUTHOR AND a.value = actor AND a.confirmed_at IS NOT NULL)
$$;
