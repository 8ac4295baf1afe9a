-- Records acts, in this order, with the next numbers. The last statement of a transaction: until its end no other act is recorded.
-- `age_ms`: how long ago it was. A text that is '' is none.
-- batch: age_ms bigint, person text, credential text, endpoint text, address text, operation text, verb text, object_kind text,
--   object text, digest text, version bigint, outcome text, reason text, refusal text, times bigint, details text
WITH head AS (
  UPDATE act_head SET number = number + cardinality(:age_ms::bigint[]) RETURNING number
)
INSERT INTO act (number, at, person, credential, endpoint, address, operation, verb, object_kind, object, digest, version, outcome,
                 reason, refusal, times, details)
SELECT h.number - cardinality(:age_ms) + a.place, clock_timestamp() - make_interval(secs => a.age_ms / 1000.0),
       nullif(a.person, ''), nullif(a.credential, ''), a.endpoint, nullif(a.address, ''), a.operation, a.verb,
       nullif(a.object_kind, ''), nullif(a.object, ''), nullif(a.digest, ''), nullif(a.version, 0), a.outcome,
       nullif(a.reason, ''), nullif(a.refusal, ''), a.times, nullif(a.details, '')::jsonb
FROM head h,
  unnest(:age_ms, :person::text[], :credential::text[], :endpoint::text[], :address::text[], :operation::text[], :verb::text[],
         :object_kind::text[], :object::text[], :digest::text[], :version::bigint[], :outcome::text[], :reason::text[],
         :refusal::text[], :times::bigint[], :details::text[])
    WITH ORDINALITY AS a(age_ms, person, credential, endpoint, address, operation, verb, object_kind, object, digest, version,
                         outcome, reason, refusal, times, details, place)
ORDER BY a.place
