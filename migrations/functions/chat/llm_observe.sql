-- {"model", "input_tokens", "output_tokens"}: what a language model has read and written, on the metrics.
CREATE OR REPLACE FUNCTION llm_observe(used jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO metric_observations (name, labels, value)
    SELECT 'llm_tokens_total', format('model="%s",token_type="%s"', used->>'model', word),
           (used->>(word || '_tokens'))::double precision
      FROM unnest(ARRAY['input', 'output']) AS word WHERE (used->>(word || '_tokens'))::bigint > 0
$$;
