SELECT sha256, size_bytes FROM artifact WHERE name = $1 AND version = $2
