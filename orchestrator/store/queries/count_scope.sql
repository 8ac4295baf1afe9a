SELECT count(*) FROM device_scope($1, $2, $3::jsonb, $4::jsonb, $5, $6, $7)
