-- {} → {"channels": [...]}: all of them; there are 200 at most.
CREATE OR REPLACE FUNCTION channel_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('channels', coalesce(jsonb_agg(channel_view(channels) ORDER BY kind, address, project), '[]'))
      FROM channels
$$;
