-- {"now", "key_hash"?, "limit"?} → {"principal", "limit", "admitted"}: whose key it is, and what is left of the limit. A
-- principal's limit is theirs, whichever of their keys they use; a key that nobody has takes nothing from any limit. Admitted is
-- who may see what is loaded.
CREATE OR REPLACE FUNCTION caller_admit(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := (request->>'now')::timestamptz;
    principal jsonb := principal_of_key(request->>'key_hash', at);
    known boolean := request->>'key_hash' IS NULL OR principal IS NOT NULL;
    wanted jsonb := nullif(request->'limit', 'null');
    taken jsonb;
BEGIN
    IF principal IS NOT NULL THEN
        wanted := wanted || jsonb_build_object('caller', 'principal:' || (principal->>'name'));
    END IF;
    IF known THEN
        taken := rate_take(wanted, at);
    END IF;
    RETURN jsonb_build_object('principal', principal, 'limit', taken,
        'admitted', known AND coalesce((taken->>'allowed')::boolean, true));
END $$;
