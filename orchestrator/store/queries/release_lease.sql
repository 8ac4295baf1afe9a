UPDATE lease SET expires_at = now() WHERE name = $1 AND instance = $2
