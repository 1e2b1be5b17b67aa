-- Lexemes as one query: any of them ('|') or all of them ('&'); null for none.
CREATE OR REPLACE FUNCTION kb_query(lexemes text[], operator text) RETURNS tsquery
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', operator)::tsquery
      FROM unnest(lexemes) AS lexeme
$$;
