-- Whom the policy of a notice's gate names, by the ids under which channels know them: 500 at most; nobody where it
-- names nobody.
CREATE OR REPLACE FUNCTION notice_approvers(a_run runs, notice jsonb) RETURNS TABLE (kind text, address text, name text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    policy jsonb := (SELECT step->'policy' FROM jsonb_array_elements(a_run.state->'pipeline') AS step
                      WHERE step->>'gate' = notice->>'gate' LIMIT 1);
    lists jsonb := jsonb_build_array(policy) || CASE WHEN notice->>'occasion' = 'gate_escalated'
                   THEN jsonb_build_array(policy->'escalate') ELSE '[]' END;
    names text[] := ARRAY(SELECT jsonb_path_query(lists, '$[*].approvers[*]') #>> '{}');
    teams text[] := ARRAY(SELECT jsonb_path_query(lists, '$[*].groups[*]') #>> '{}');
BEGIN
    IF names = '{}' AND teams = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT i.channel, i.identity, p.name FROM (
           SELECT named.name FROM principals AS named WHERE named.name = ANY (names) AND named.disabled_at IS NULL
            UNION
           SELECT grouped.name FROM principals AS grouped WHERE grouped.groups && teams AND grouped.disabled_at IS NULL
            LIMIT 500) AS p JOIN principal_identities AS i ON i.name = p.name;
END $$;
