-- {"trace", "report"}: renewed when an hour of the day is over, so that most sweeps write nothing.
CREATE OR REPLACE FUNCTION exports_want(wanted jsonb, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    UPDATE exports SET wanted_until = a_now + interval '1 day'
     WHERE (wanted->>kind)::boolean AND wanted_until < a_now + interval '23 hours'
$$;
