-- [{"provider", "job_seconds", "takes_export", "starts_max", "window_seconds", "open_jobs_max", "in_flight_max"}] → {"added"}:
-- the providers that the code knows. What an operator has set of one that is there stays; one that the code no longer knows
-- keeps its row too, but makes no jobs and takes no exports.
CREATE OR REPLACE FUNCTION providers_register(providers jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    added integer;
BEGIN
    -- First, since only one provider takes a kind of export at any moment: whoever hands it over lets go of it here.
    UPDATE provider_states SET job_seconds = NULL, takes_export = NULL
     WHERE (job_seconds IS NOT NULL OR takes_export IS NOT NULL) AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(providers) AS known (provider text, job_seconds text, takes_export text)
         WHERE known.provider = provider_states.provider
           AND (known.job_seconds, known.takes_export)
               IS NOT DISTINCT FROM (provider_states.job_seconds, provider_states.takes_export));
    WITH known AS (
        SELECT * FROM jsonb_to_recordset(providers) AS known (provider text, job_seconds text, takes_export text,
            starts_max integer, window_seconds integer, open_jobs_max integer, in_flight_max integer)
    ), renamed AS (
        UPDATE provider_states SET job_seconds = known.job_seconds, takes_export = known.takes_export FROM known
         WHERE provider_states.provider = known.provider
           AND (provider_states.job_seconds, provider_states.takes_export)
               IS DISTINCT FROM (known.job_seconds, known.takes_export)
    )
    INSERT INTO provider_states (provider, job_seconds, takes_export, starts_max, window_seconds, open_jobs_max, in_flight_max)
    SELECT provider, job_seconds, takes_export, starts_max, window_seconds, open_jobs_max, in_flight_max FROM known
    ON CONFLICT (provider) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN jsonb_build_object('added', added);
END $$;
