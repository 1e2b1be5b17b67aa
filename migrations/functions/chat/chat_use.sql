-- Adds what a model has read and written for a user to their day: {"model", "input_tokens", "output_tokens", "cost"}.
CREATE OR REPLACE FUNCTION chat_use(a_user text, used jsonb, a_turns integer, a_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO chat_usage AS held (user_id, day, turns, input_tokens, output_tokens, cost)
    VALUES (a_user, chat_day(a_now), a_turns, (used->>'input_tokens')::bigint, (used->>'output_tokens')::bigint,
            (used->>'cost')::numeric)
    ON CONFLICT (user_id, day) DO UPDATE SET turns = held.turns + excluded.turns,
        input_tokens = held.input_tokens + excluded.input_tokens,
        output_tokens = held.output_tokens + excluded.output_tokens, cost = held.cost + excluded.cost;
    SELECT llm_observe(used)
$$;
