-- Finds out whether :scope is within :patterns (null: everywhere), and the scope in words ('': everything).
-- parameters: scope text, patterns text
-- row: is_within boolean, places text
SELECT patterns_cover(:patterns::jsonb, (SELECT jsonb_agg(p) FROM scope_patterns(:scope::jsonb) p)) AS is_within,
       left(coalesce((SELECT string_agg(l.key || '=' || (SELECT string_agg(v, ',') FROM jsonb_array_elements_text(l.value) v),
                                        ';' ORDER BY l.key)
                      FROM jsonb_each(:scope::jsonb) l), ''), 200) AS places
