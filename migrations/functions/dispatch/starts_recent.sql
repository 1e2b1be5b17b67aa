-- The starts that still count, ascending. One far in the future came from a wrong clock and blocks nobody.
CREATE OR REPLACE FUNCTION starts_recent(starts timestamptz[], span interval, a_now timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT start FROM unnest(starts) AS start
                  WHERE start > a_now - span AND start < a_now + span ORDER BY start);
END $$;
