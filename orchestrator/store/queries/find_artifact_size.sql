SELECT size_bytes FROM artifact WHERE sha256 = $1 LIMIT 1
