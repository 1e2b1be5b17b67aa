-- The exports of runs that end; true when there are any. A trace goes as far as the end: what is attached later is no part of it.
CREATE OR REPLACE FUNCTION runs_export(ended jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    wanted text[] := ARRAY(SELECT kind FROM exports WHERE wanted_until > a_now);
BEGIN
    RETURN wanted <> '{}' AND coalesce((
        SELECT bool_or(export_add(kind, CASE kind WHEN 'report' THEN 'run:' ELSE '' END || run_id, run_id,
                                  CASE kind WHEN 'trace' THEN jsonb_build_object('through', version) ELSE '{}' END, a_now))
          FROM jsonb_to_recordset(ended) AS run (run_id text, reported boolean, version bigint), unnest(wanted) AS kind
         WHERE kind = 'trace' OR run.reported), false);
END $$;
