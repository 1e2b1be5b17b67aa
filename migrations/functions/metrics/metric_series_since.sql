-- names of series → [{"minutes", "ago", "name", "provider", "count", "sum"}]: the minutes of the last hour and the hours of the last
-- day in which there was something; `ago` counts minutes or hours back from now.
CREATE OR REPLACE FUNCTION metric_series_since(names text[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('minutes', minutes,
               'ago', floor(extract(epoch FROM now() - at) / 60 / minutes)::integer,
               'name', name, 'provider', provider, 'count', count, 'sum', sum) ORDER BY minutes, at), '[]')
      FROM metric_series
     WHERE name = ANY (names)
       AND ((minutes = 1 AND at > now() - interval '60 minutes') OR (minutes = 60 AND at > now() - interval '24 hours'))
$$;
