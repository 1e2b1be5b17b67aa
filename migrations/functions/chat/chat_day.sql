-- The UTC day that a moment of use counts for.
CREATE OR REPLACE FUNCTION chat_day(at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE AS $$ SELECT (at AT TIME ZONE 'UTC')::date $$;
