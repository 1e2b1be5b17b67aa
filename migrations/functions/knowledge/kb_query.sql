-- Lexemes as one query: any of them ('|') or all of them ('&'); null for none. A single letter of a script without spaces is the
-- beginning of what the index has.
CREATE OR REPLACE FUNCTION kb_query(lexemes text[], operator text) RETURNS tsquery
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''''
                      || CASE WHEN length(lexeme) = 1 AND lexeme ~ kb_unspaced() THEN ':*' ELSE '' END, operator)::tsquery
      FROM unnest(lexemes) AS lexeme
$$;
