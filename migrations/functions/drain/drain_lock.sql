-- The lock that starts share and the switch takes alone: once the switch has answered, no start that did not see it is
-- still on its way. No other lock is held while it is waited for. The number spells "mwdrain".
CREATE OR REPLACE FUNCTION drain_lock() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 30812045760883054 $$;
