-- Whether the caller should kick a dispatcher. One kick at a time: who comes while a kick is on its way, or while
-- somebody else is taking it, needs none, since a dispatcher looks once more before it stops.
CREATE OR REPLACE FUNCTION kick_take(a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE leases SET held_until = a_now + interval '100 milliseconds'
     WHERE name = (SELECT name FROM leases WHERE name = 'kick' AND held_until <= a_now FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END $$;
