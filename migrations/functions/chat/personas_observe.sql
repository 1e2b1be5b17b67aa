-- What effects took of a language model, and the calls of tools that were refused to it: under "used" of the observed.
CREATE OR REPLACE FUNCTION personas_observe(observed jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM llm_observe(row->'used') FROM jsonb_array_elements(observed) AS row WHERE row ? 'used';
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'persona_allowlist_failures_total', format('persona="%s",project="%s",mode="%s"',
               persona_label(used->>'persona'), used->>'project', used->>'mode'), (used->>'refused_calls')::double precision
      FROM (SELECT row->'used' AS used FROM jsonb_array_elements(observed) AS row) AS all_used
     WHERE (used->>'refused_calls')::integer > 0;
END $$;
