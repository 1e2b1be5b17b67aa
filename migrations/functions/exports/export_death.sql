-- The report of an effect that was given up. An export that was given up is not reported, or one dead end would feed the other.
CREATE OR REPLACE FUNCTION export_death(an_effect_id bigint, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    SELECT export_add('report', format('effect:%s:%s', effect_id, fence), run_id,
                      jsonb_build_object('effect', jsonb_build_object('effect_id', effect_id, 'kind', kind, 'provider',
                          provider, 'attempt', attempt, 'error', left(coalesce(last_error, 'given up'), 500))), a_now)
      FROM outbox WHERE effect_id = an_effect_id AND kind NOT IN ('trace', 'report')
$$;
