-- A channel as the API shows it.
CREATE OR REPLACE FUNCTION channel_view(channel channels) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', channel.channel_id, 'kind', channel.kind, 'address', channel.address,
                              'project', channel.project, 'createdAt', channel.created_at)
$$;
