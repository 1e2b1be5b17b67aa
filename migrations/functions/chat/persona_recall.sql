-- {"query", "project", "persona", "run_id", "passages_max", "words_min", "chars_max", "idea_runs"} → {"passages": [{"doc_id",
-- "path", "title", "text", "percent"}], "ideas": [{"run_id", "text"}], "milliseconds"}: passages that have at least so
-- many words of the question, best first and cut; subject and header of each clip of the project's newest other runs.
CREATE OR REPLACE FUNCTION persona_recall(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    found jsonb := kb_search(jsonb_build_object('query', request->>'query', 'project', request->>'project',
        'persona', request->>'persona', 'limit', request->'passages_max', 'counted', true))->'passages';
    passages jsonb := (
        SELECT coalesce(jsonb_agg(jsonb_build_object('doc_id', row->>'doc_id', 'path', row->>'path', 'title', row->>'title',
                   'text', left(row->>'content', (request->>'chars_max')::integer),
                   'percent', least(100, round((row->>'coverage')::numeric * 100))) ORDER BY place), '[]')
          FROM jsonb_array_elements(found) WITH ORDINALITY AS each (row, place)
         WHERE jsonb_array_length(row->'words') >= (request->>'words_min')::integer);
    ideas jsonb := (
        SELECT coalesce(jsonb_agg(jsonb_build_object('run_id', run_id,
                   'text', concat_ws(' ', clip->>'subject', clip->>'header')) ORDER BY newest.place, clips.place), '[]')
          FROM (SELECT run_id, state->'clips' AS clips, row_number() OVER (ORDER BY created_at DESC, run_id DESC) AS place
                  FROM runs WHERE project = request->>'project' AND run_id <> request->>'run_id'
                 ORDER BY created_at DESC, run_id DESC LIMIT (request->>'idea_runs')::integer) AS newest,
               jsonb_array_elements(newest.clips) WITH ORDINALITY AS clips (clip, place));
BEGIN
    RETURN jsonb_build_object('passages', passages, 'ideas', ideas, 'milliseconds',
        ceil(extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)::integer);
END $$;
