-- Reads at most :most acts after act :after, up to :last, in the order of their numbers, each as JSON.
-- parameters: after bigint, last bigint, most bigint
-- row: number bigint, document text
SELECT number, json_build_object(
    'number', number, 'at', rfc3339(at), 'person', person, 'credential', credential, 'endpoint', endpoint, 'address', address,
    'operation', operation, 'verb', verb, 'object_kind', object_kind, 'object', object, 'digest', digest, 'version', version,
    'outcome', outcome, 'reason', reason, 'refusal', refusal, 'times', times, 'details', act_details(digest, details))::text AS document
FROM act WHERE number > :after AND number <= :last ORDER BY number LIMIT :most
