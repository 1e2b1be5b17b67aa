-- Whether what is known of somebody lets them start runs and decide gates.
CREATE OR REPLACE FUNCTION principal_acts(known jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(known->>'role' IN ('approver', 'operator') AND NOT (known->>'disabled')::boolean, false)
$$;
