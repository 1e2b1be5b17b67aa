-- Conversations with Brendan: one for each user, with what a language model made of its older part, and what it has cost.

CREATE TABLE chat_messages (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    text NOT NULL,
    role       text NOT NULL CHECK (role IN ('user', 'brendan', 'notice')),
    content    text NOT NULL,
    run_id     text,
    gate       text,
    -- A notice is told once, in the next answer.
    told_at    timestamptz,
    created_at timestamptz NOT NULL
);
CREATE INDEX chat_messages_by_user ON chat_messages (user_id, message_id DESC);
CREATE INDEX chat_messages_untold ON chat_messages (user_id, message_id) WHERE role = 'notice' AND told_at IS NULL;

-- What was said up to a message, in a few sentences of a model: stands for those messages in what it is told.
CREATE TABLE chat_summaries (
    user_id    text PRIMARY KEY,
    summary    text NOT NULL,
    until_id   bigint NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Numbers only, so they stay when a conversation goes.
CREATE TABLE chat_usage (
    user_id       text NOT NULL,
    -- In UTC.
    day           date NOT NULL,
    turns         integer NOT NULL CHECK (turns >= 0),
    input_tokens  bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    -- By the prices that were configured then; 0 without any.
    cost          numeric(18, 8) NOT NULL CHECK (cost >= 0),
    PRIMARY KEY (user_id, day)
);
-- A person's conversations share one budget: `ann/shop` is ann's.
CREATE INDEX chat_usage_by_person ON chat_usage (split_part(user_id, '/', 1), day);
