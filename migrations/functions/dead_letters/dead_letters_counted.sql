-- How many dead letters are counted at most, by sender and in all: whoever sends more makes nothing slower.
CREATE OR REPLACE FUNCTION dead_letters_counted() RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT 1000 $$;
