-- The schema as it is now. Written by `mw db schema`, compared by a test; nobody edits it, and nothing applies it.
--
-- Tables by family, one file of tables/ each:
--   projects      project_versions, projects, project_budgets, socials, project_socials
--   runs          runs, run_events, artifacts, gates, hitl_approvals, idempotency_keys, orchestration_checkpoints
--   effects       provider_jobs, outbox, provider_states, exports
--   webhooks      webhook_events, webhook_dlq
--   people        principal_words_fit(), is_one_person(), principals, principal_keys, principal_identities, channels,
--                 channel_moves, channel_updates
--   chat          chat_messages, chat_summaries, chat_usage
--   knowledge     kb_unspaced(), kb_spelling(), kb_pairs(), kb_vector(), kb_documents, kb_chunks, kb_lexemes,
--                 kb_corpus
--   operations    leases, drain, rate_limits, metric_observations, metric_totals, metric_histograms
--   series        metric_series
--
-- Functions that the code calls, by domain:
--   channels      channel_add, channel_list, channel_move, channel_remove, notices_replay, press_load, update_begin,
--                 update_end
--   chat          chat_delete, chat_export, chat_load, chat_run, chat_save, chat_summarise, persona_recall
--   commit        runs_commit
--   console       console_chat, console_inbox, console_letter, console_login, console_providers, console_run,
--                 console_runs, console_shell, console_start, console_system, console_webhooks
--   dead_letters  dead_letter_settle, dead_letter_view, dead_letters_list, dead_letters_retry
--   dispatch      effects_lease, providers_register
--   doctor        doctor_page, doctor_rebuild, doctor_webhooks
--   drain         drain_state, drain_status, drain_switch
--   gates         gates_open
--   health        readiness
--   knowledge     kb_answer, kb_apply, kb_embed, kb_list, kb_read, kb_search, kb_vectorless
--   metrics       metrics_fold, metrics_read, request_observe
--   principals    caller_admit, principal_add, principal_change, principal_find, principal_key_add,
--                 principal_key_revoke, principal_list, principal_switch, principals_named
--   projects      project_apply, project_definition, project_list, social_seed
--   retention     artifacts_prune, retention_count, retention_prune, runs_purge
--   runs          insight_read, run_facts, run_fetch, run_list, run_states, run_timeline, run_view,
--                 runs_past_deadline, runs_past_request, runs_past_warning, runs_remains, start_load
--   sweep         effects_lost, leases_expire, sweep_begin, sweep_finish
--   webhooks      webhook_accept, webhook_refuse
--
-- A commit calls (a function that stands above already is not drawn again):
--   runs_commit
--     request_without
--     run_start
--       drain_refusal
--         drain_lock
--       budget_take
--     effects_settle
--       export_death
--         export_add
--     runs_write
--     runs_write_rows
--       events_append
--         run_chain_link
--           run_event_hash
--       effects_rearm
--       jobs_write
--         jobs_observe
--       gates_write_closed
--       gates_write_opened
--       approvals_write
--       artifacts_write
--       effects_write
--       notices_write
--         notice_targets
--           notice_approvers
--           channel_current
--     runs_release
--     runs_hold
--     runs_end
--       runs_fence
--       runs_observe_end
--       runs_export
--         export_add
--     chat_append
--       chat_use
--         chat_day
--         llm_observe
--     providers_observe
--       provider_after
--     contacts_observe
--       personas_observe
--         llm_observe
--         persona_label
--     channels_observe
--       channel_move
--         channel_current
--         channel_first
--     kick_take
--
-- A claim calls (a function that stands above already is not drawn again):
--   effects_lease
--     lanes_due
--       starts_recent
--     starts_recent
--     notice_recipient
--       principal_behind
--         principal_named
--       channel_first
--     channel_current

-- projects

CREATE TABLE project_versions (
    key text NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    definition jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT project_versions_pkey PRIMARY KEY (key, version)
);

CREATE TABLE projects (
    key text NOT NULL,
    version text NOT NULL,
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT projects_pkey PRIMARY KEY (key),
    CONSTRAINT projects_key_version_fkey FOREIGN KEY (key, version) REFERENCES project_versions(key, version)
);

CREATE TABLE project_budgets (
    project text NOT NULL,
    day date NOT NULL,
    clips integer NOT NULL,
    CONSTRAINT project_budgets_pkey PRIMARY KEY (project),
    CONSTRAINT project_budgets_clips_check CHECK ((clips >= 0))
);

CREATE TABLE socials (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider text NOT NULL,
    account_id text NOT NULL,
    credential_ref text,
    default_caption text,
    default_tags jsonb NOT NULL DEFAULT '[]'::jsonb,
    privacy text,
    rate_limit_window integer,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT socials_pkey PRIMARY KEY (id),
    CONSTRAINT socials_provider_account_id_key UNIQUE (provider, account_id),
    CONSTRAINT socials_account_id_check CHECK (((length(account_id) >= 1) AND (length(account_id) <= 200))),
    CONSTRAINT socials_default_tags_check CHECK ((jsonb_typeof(default_tags) = 'array'::text)),
    CONSTRAINT socials_provider_check CHECK ((provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'::text)),
    CONSTRAINT socials_rate_limit_window_check CHECK ((rate_limit_window > 0))
);

CREATE TABLE project_socials (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    project text NOT NULL,
    social_id uuid NOT NULL,
    is_primary boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT project_socials_pkey PRIMARY KEY (id),
    CONSTRAINT project_socials_project_social_id_key UNIQUE (project, social_id),
    CONSTRAINT project_socials_project_fkey FOREIGN KEY (project) REFERENCES projects(key) ON DELETE CASCADE,
    CONSTRAINT project_socials_social_id_fkey FOREIGN KEY (social_id) REFERENCES socials(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX project_socials_primary ON project_socials USING btree (project) WHERE is_primary;

-- runs

CREATE TABLE runs (
    run_id text NOT NULL,
    kind text NOT NULL,
    project text NOT NULL,
    status text NOT NULL,
    ended text,
    payload jsonb NOT NULL,
    result jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    user_id text NOT NULL,
    version bigint NOT NULL,
    state jsonb NOT NULL,
    awaiting_gate gate_name,
    deadline timestamp with time zone,
    finished_at timestamp with time zone,
    parent_run_id text,
    successor_key text,
    end_requested_at timestamp with time zone,
    end_requested_by text,
    CONSTRAINT runs_pkey PRIMARY KEY (run_id),
    CONSTRAINT runs_parent_run_id_fkey FOREIGN KEY (parent_run_id) REFERENCES runs(run_id) ON DELETE SET NULL,
    CONSTRAINT runs_end CHECK ((((ended IS NULL) = (finished_at IS NULL)) AND ((ended IS NULL) = (deadline IS NOT NULL)) AND ((ended IS NULL) OR (awaiting_gate IS NULL)))),
    CONSTRAINT runs_end_requested CHECK (((end_requested_at IS NULL) = (end_requested_by IS NULL))),
    CONSTRAINT runs_ended_check CHECK ((ended = ANY (ARRAY['done'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text]))),
    CONSTRAINT runs_kernel_status CHECK ((((COALESCE(ended, 'done'::text) = 'done'::text) OR (status = ended)) AND ((status <> 'paused'::text) OR ((ended IS NULL) AND (awaiting_gate IS NULL))))),
    CONSTRAINT runs_kind_check CHECK ((kind ~ '^[a-z][a-z0-9_]{0,39}$'::text)),
    CONSTRAINT runs_media_status CHECK (((kind <> 'media'::text) OR
CASE
    WHEN (ended = 'done'::text) THEN (status = 'published'::text)
    WHEN ((ended IS NOT NULL) OR (status = 'paused'::text)) THEN true
    WHEN (awaiting_gate IS NOT NULL) THEN (status = ANY (ARRAY['pending_workflow'::text, 'awaiting_ideate'::text, 'awaiting_prepublish'::text, 'awaiting_approval'::text]))
    ELSE (status = ANY (ARRAY['running'::text, 'publishing'::text]))
END)),
    CONSTRAINT runs_run_id_check CHECK (((length(run_id) >= 1) AND (length(run_id) <= 128))),
    CONSTRAINT runs_version_check CHECK ((version > 0))
) WITH (fillfactor=70);
CREATE INDEX runs_by_end ON runs USING btree (finished_at, run_id) WHERE (finished_at IS NOT NULL);
CREATE INDEX runs_by_project ON runs USING btree (project, created_at DESC, run_id DESC);
CREATE INDEX runs_by_project_and_status ON runs USING btree (project, status, created_at DESC, run_id DESC);
CREATE INDEX runs_by_status ON runs USING btree (status, created_at DESC, run_id DESC);
CREATE INDEX runs_by_user ON runs USING btree (user_id, created_at DESC, run_id DESC);
CREATE INDEX runs_newest ON runs USING btree (created_at DESC, run_id DESC);
CREATE INDEX runs_open_by_deadline ON runs USING btree (deadline, run_id) WHERE (finished_at IS NULL);
CREATE INDEX runs_to_end ON runs USING btree (end_requested_at, run_id) WHERE ((end_requested_at IS NOT NULL) AND (finished_at IS NULL));
CREATE INDEX runs_waiting_by_deadline ON runs USING btree (deadline, run_id) WHERE (awaiting_gate IS NOT NULL);
CREATE UNIQUE INDEX runs_successor ON runs USING btree (parent_run_id, successor_key) WHERE (parent_run_id IS NOT NULL);
CREATE TRIGGER runs_guard BEFORE UPDATE OF status ON runs FOR EACH ROW EXECUTE FUNCTION runs_guard();

CREATE TABLE run_events (
    run_id text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    body text NOT NULL,
    data jsonb NOT NULL GENERATED ALWAYS AS ((body)::jsonb) STORED,
    hash bytea NOT NULL,
    CONSTRAINT run_events_pkey PRIMARY KEY (run_id, seq),
    CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
    CONSTRAINT run_events_seq_check CHECK ((seq > 0))
);
CREATE TRIGGER run_events_guard BEFORE DELETE OR UPDATE ON run_events FOR EACH ROW EXECUTE FUNCTION run_events_guard();

CREATE TABLE artifacts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    run_id text NOT NULL,
    type text NOT NULL,
    url text,
    provider text NOT NULL,
    checksum text,
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    persona text,
    retrieval_trace jsonb,
    prompt_signature text,
    tool_invocations jsonb,
    created_at timestamp with time zone NOT NULL,
    "position" bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT artifacts_pkey PRIMARY KEY (id),
    CONSTRAINT artifacts_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE
);
CREATE INDEX artifacts_by_persona ON artifacts USING btree (persona) WHERE (persona IS NOT NULL);
CREATE INDEX artifacts_by_run ON artifacts USING btree (run_id, "position");

CREATE TABLE gates (
    run_id text NOT NULL,
    gate_id text NOT NULL,
    gate gate_name NOT NULL,
    opening integer NOT NULL,
    subject_sha256 text NOT NULL,
    state text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    deadline timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decision jsonb,
    warn_at timestamp with time zone,
    approvals integer NOT NULL DEFAULT 1,
    CONSTRAINT gates_pkey PRIMARY KEY (run_id, opening),
    CONSTRAINT gates_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
    CONSTRAINT gates_approvals_check CHECK (((approvals >= 1) AND (approvals <= 10))),
    CONSTRAINT gates_decided CHECK ((((state = 'open'::text) = (decided_at IS NULL)) AND ((state = ANY (ARRAY['approved'::text, 'rejected'::text, 'changes_requested'::text])) = (decision IS NOT NULL)))),
    CONSTRAINT gates_gate_id_check CHECK (((length(gate_id) >= 1) AND (length(gate_id) <= 128))),
    CONSTRAINT gates_opening_check CHECK ((opening > 0)),
    CONSTRAINT gates_state_check CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'rejected'::text, 'changes_requested'::text, 'expired'::text, 'withdrawn'::text, 'closed'::text]))),
    CONSTRAINT gates_subject_sha256_check CHECK ((subject_sha256 ~ '^[0-9a-f]{64}$'::text))
);
CREATE INDEX gates_open_by_deadline ON gates USING btree (deadline, run_id, opening) WHERE (decided_at IS NULL);
CREATE INDEX gates_to_warn ON gates USING btree (warn_at, run_id) WHERE ((warn_at IS NOT NULL) AND (decided_at IS NULL));
CREATE UNIQUE INDEX gates_open_once ON gates USING btree (run_id, gate_id) WHERE (decided_at IS NULL);

CREATE TABLE hitl_approvals (
    id bigint NOT NULL DEFAULT nextval('hitl_approvals_id_seq'::regclass),
    run_id text NOT NULL,
    gate gate_name NOT NULL,
    opening integer NOT NULL,
    decision text NOT NULL,
    approver_ip text,
    approver text NOT NULL,
    channel text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT hitl_approvals_pkey PRIMARY KEY (id),
    CONSTRAINT hitl_approvals_one_each UNIQUE (run_id, opening, approver),
    CONSTRAINT hitl_approvals_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
    CONSTRAINT hitl_approvals_decision_check CHECK ((decision = ANY (ARRAY['approved'::text, 'rejected'::text, 'changes_requested'::text])))
);
CREATE INDEX hitl_approvals_newest ON hitl_approvals USING btree (created_at DESC);

CREATE TABLE idempotency_keys (
    caller text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    run_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING btree (created_at);

CREATE VIEW orchestration_checkpoints AS
    SELECT run_id, state, updated_at FROM runs;

-- effects

CREATE TABLE provider_jobs (
    job_id text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    provider text NOT NULL,
    state text NOT NULL,
    task_id text,
    account text,
    hint jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    is_open boolean NOT NULL GENERATED ALWAYS AS ((state = ANY (ARRAY['requested'::text, 'submitted'::text]))) STORED,
    CONSTRAINT provider_jobs_pkey PRIMARY KEY (job_id),
    CONSTRAINT provider_jobs_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
    CONSTRAINT jobs_submitted CHECK (((state <> ALL (ARRAY['submitted'::text, 'succeeded'::text])) OR (task_id IS NOT NULL))),
    CONSTRAINT provider_jobs_kind_check CHECK ((kind ~ '^[a-z][a-z0-9_]{0,39}$'::text)),
    CONSTRAINT provider_jobs_provider_check CHECK ((provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'::text)),
    CONSTRAINT provider_jobs_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'submitted'::text, 'succeeded'::text, 'failed'::text, 'fenced'::text])))
);
CREATE INDEX jobs_by_provider_task ON provider_jobs USING btree (provider, task_id) WHERE (task_id IS NOT NULL);
CREATE INDEX jobs_by_run ON provider_jobs USING btree (run_id);
CREATE INDEX jobs_open ON provider_jobs USING btree (job_id) WHERE is_open;
CREATE INDEX jobs_open_by_account ON provider_jobs USING btree (account) WHERE (is_open AND (account IS NOT NULL));

CREATE TABLE outbox (
    effect_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    key text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    provider text NOT NULL,
    job_id text,
    payload jsonb NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    due_at timestamp with time zone NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamp with time zone,
    sent_at timestamp with time zone,
    poked boolean NOT NULL DEFAULT false,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    lane text NOT NULL GENERATED ALWAYS AS (
CASE
    WHEN ((kind <> 'poll'::text) AND (sent_at IS NULL)) THEN 'start'::text
    ELSE 'look'::text
END) STORED,
    is_live boolean NOT NULL GENERATED ALWAYS AS ((state = ANY (ARRAY['due'::text, 'leased'::text, 'held'::text, 'dead'::text]))) STORED,
    CONSTRAINT outbox_pkey PRIMARY KEY (effect_id),
    CONSTRAINT outbox_key_key UNIQUE (key),
    CONSTRAINT outbox_job_id_fkey FOREIGN KEY (job_id) REFERENCES provider_jobs(job_id) ON DELETE CASCADE,
    CONSTRAINT outbox_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
    CONSTRAINT outbox_kind_check CHECK ((kind = ANY (ARRAY['persona'::text, 'submit'::text, 'poll'::text, 'own'::text, 'notify'::text, 'trace'::text, 'report'::text]))),
    CONSTRAINT outbox_lease CHECK (((state = 'leased'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT outbox_provider_check CHECK ((provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'::text)),
    CONSTRAINT outbox_sent CHECK (((sent_at IS NULL) OR (kind = 'submit'::text))),
    CONSTRAINT outbox_state_check CHECK ((state = ANY (ARRAY['due'::text, 'leased'::text, 'held'::text, 'done'::text, 'dead'::text, 'fenced'::text])))
);
CREATE INDEX outbox_by_job ON outbox USING btree (job_id) WHERE (job_id IS NOT NULL);
CREATE INDEX outbox_due ON outbox USING btree (due_at, effect_id) WHERE (state = 'due'::text);
CREATE INDEX outbox_due_by_lane ON outbox USING btree (provider, lane, due_at, effect_id) WHERE (state = 'due'::text);
CREATE INDEX outbox_held ON outbox USING btree (run_id) WHERE (state = 'held'::text);
CREATE INDEX outbox_leased ON outbox USING btree (lease_until) WHERE (state = 'leased'::text);
CREATE INDEX outbox_leased_by_provider ON outbox USING btree (provider) WHERE (state = 'leased'::text);
CREATE INDEX outbox_live_by_run ON outbox USING btree (run_id) WHERE is_live;
CREATE INDEX outbox_open_looks ON outbox USING btree (provider) WHERE ((state = ANY (ARRAY['due'::text, 'leased'::text])) AND (lane = 'look'::text));
CREATE INDEX outbox_untold ON outbox USING btree (effect_id) WHERE ((state = 'dead'::text) AND (kind = 'notify'::text));

CREATE TABLE provider_states (
    provider text NOT NULL,
    job_seconds text,
    takes_export text,
    starts_max integer,
    window_seconds integer NOT NULL DEFAULT 10,
    open_jobs_max integer,
    in_flight_max integer,
    breaker_failures integer NOT NULL DEFAULT 5,
    breaker_seconds integer NOT NULL DEFAULT 30,
    starts timestamp with time zone[] NOT NULL DEFAULT '{}'::timestamp with time zone[],
    start_held_until timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
    look_held_until timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
    failures integer NOT NULL DEFAULT 0,
    openings integer NOT NULL DEFAULT 0,
    retry_at timestamp with time zone,
    probe_effect_id bigint,
    breaker text NOT NULL GENERATED ALWAYS AS (
CASE
    WHEN (retry_at IS NULL) THEN 'closed'::text
    WHEN (probe_effect_id IS NULL) THEN 'open'::text
    ELSE 'half_open'::text
END) STORED,
    CONSTRAINT provider_states_pkey PRIMARY KEY (provider),
    CONSTRAINT provider_states_takes_export_key UNIQUE (takes_export),
    CONSTRAINT provider_states_breaker_failures_check CHECK ((breaker_failures > 0)),
    CONSTRAINT provider_states_breaker_seconds_check CHECK ((breaker_seconds > 0)),
    CONSTRAINT provider_states_failures_check CHECK ((failures >= 0)),
    CONSTRAINT provider_states_in_flight_max_check CHECK ((in_flight_max >= 0)),
    CONSTRAINT provider_states_open_jobs_max_check CHECK ((open_jobs_max >= 0)),
    CONSTRAINT provider_states_openings_check CHECK ((openings >= 0)),
    CONSTRAINT provider_states_probe CHECK (((probe_effect_id IS NULL) OR (retry_at IS NOT NULL))),
    CONSTRAINT provider_states_provider_check CHECK ((provider ~ '^[a-z0-9][a-z0-9-]{0,31}$'::text)),
    CONSTRAINT provider_states_starts_max_check CHECK ((starts_max >= 0)),
    CONSTRAINT provider_states_takes_export_check CHECK ((takes_export = ANY (ARRAY['trace'::text, 'report'::text]))),
    CONSTRAINT provider_states_window_seconds_check CHECK ((window_seconds > 0))
);

CREATE TABLE exports (
    kind text NOT NULL,
    wanted_until timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
    CONSTRAINT exports_pkey PRIMARY KEY (kind),
    CONSTRAINT exports_kind_check CHECK ((kind = ANY (ARRAY['trace'::text, 'report'::text])))
);

-- webhooks

CREATE TABLE webhook_events (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    idempotency_key text NOT NULL,
    provider text NOT NULL,
    headers jsonb NOT NULL,
    query text NOT NULL DEFAULT ''::text,
    payload bytea NOT NULL,
    signature_status text NOT NULL,
    outcome text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    count bigint NOT NULL DEFAULT 1,
    run_id text,
    job_id text,
    settled_at timestamp with time zone,
    settled_by text,
    settled_reason text,
    payload_bytes integer,
    CONSTRAINT webhook_events_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_events_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'dlq'::text, 'discarded'::text, 'ignored'::text, 'refused'::text]))),
    CONSTRAINT webhook_events_provider_check CHECK ((provider ~ '^(std:)?[a-z0-9][a-z0-9_-]{0,31}$'::text)),
    CONSTRAINT webhook_events_refused CHECK ((((outcome = 'refused'::text) = (signature_status = ANY (ARRAY['invalid'::text, 'missing'::text]))) AND ((outcome <> 'refused'::text) OR (length(payload) <= 4096)))),
    CONSTRAINT webhook_events_settled CHECK ((((settled_at IS NULL) = (settled_by IS NULL)) AND ((settled_at IS NULL) = (settled_reason IS NULL)) AND ((outcome <> 'discarded'::text) OR (settled_at IS NOT NULL)) AND ((settled_at IS NULL) OR (outcome = ANY (ARRAY['accepted'::text, 'discarded'::text]))))),
    CONSTRAINT webhook_events_signature_status_check CHECK ((signature_status = ANY (ARRAY['valid'::text, 'invalid'::text, 'missing'::text, 'unsigned'::text])))
);
CREATE INDEX webhook_events_by_run ON webhook_events USING btree (run_id, received_at) WHERE (run_id IS NOT NULL);
CREATE INDEX webhook_events_done_by_age ON webhook_events USING btree (COALESCE(settled_at, received_at)) WHERE (outcome = ANY (ARRAY['accepted'::text, 'discarded'::text, 'ignored'::text]));
CREATE INDEX webhook_events_newest_first ON webhook_events USING btree (received_at DESC, id DESC);
CREATE INDEX webhook_events_refused_by_age ON webhook_events USING btree (received_at) WHERE (outcome = 'refused'::text);
CREATE INDEX webhook_events_refused_newest ON webhook_events USING btree (received_at DESC, id DESC) WHERE (outcome = 'refused'::text);
CREATE UNIQUE INDEX webhook_events_accepted ON webhook_events USING btree (provider, idempotency_key) WHERE (outcome <> 'refused'::text);
CREATE UNIQUE INDEX webhook_events_refused ON webhook_events USING btree (provider, idempotency_key, signature_status) WHERE (outcome = 'refused'::text);

CREATE TABLE webhook_dlq (
    id uuid NOT NULL,
    idempotency_key text NOT NULL,
    provider text NOT NULL,
    headers jsonb NOT NULL,
    payload bytea NOT NULL,
    match jsonb NOT NULL,
    error text NOT NULL,
    retry_count integer NOT NULL DEFAULT 0,
    next_retry_at timestamp with time zone,
    last_error_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT webhook_dlq_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_dlq_idempotency_key_provider_key UNIQUE (idempotency_key, provider),
    CONSTRAINT webhook_dlq_id_fkey FOREIGN KEY (id) REFERENCES webhook_events(id) ON DELETE CASCADE,
    CONSTRAINT webhook_dlq_error_check CHECK ((error = ANY (ARRAY['unknown_job'::text, 'no_reference'::text, 'ambiguous_account'::text, 'ambiguous_task'::text])))
);
CREATE INDEX webhook_dlq_by_provider ON webhook_dlq USING btree (provider, created_at DESC, id DESC);
CREATE INDEX webhook_dlq_by_reason ON webhook_dlq USING btree (error, created_at DESC, id DESC);
CREATE INDEX webhook_dlq_due ON webhook_dlq USING btree (next_retry_at, id) WHERE (next_retry_at IS NOT NULL);
CREATE INDEX webhook_dlq_exhausted ON webhook_dlq USING btree (created_at DESC, id DESC) WHERE (next_retry_at IS NULL);
CREATE INDEX webhook_dlq_expiring ON webhook_dlq USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX webhook_dlq_newest ON webhook_dlq USING btree (created_at DESC, id DESC);

-- people

CREATE FUNCTION principal_words_fit(words text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(coalesce(word ~ '^[a-z0-9][a-z0-9._@-]{0,63}$', false)), true) FROM unnest(words) AS word
$$;

CREATE FUNCTION is_one_person(a_channel text, an_identity text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE a_channel
        WHEN 'telegram' THEN an_identity ~ '^[1-9][0-9]{0,18}$' AND an_identity NOT IN ('777000', '1087968824', '136817688')
        ELSE an_identity ~ '^[UW][A-Z0-9]{2,20}$' END
$$;

CREATE TABLE principals (
    name text NOT NULL,
    role text NOT NULL,
    groups text[] NOT NULL DEFAULT '{}'::text[],
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    CONSTRAINT principals_pkey PRIMARY KEY (name),
    CONSTRAINT principals_groups CHECK (((cardinality(groups) <= 20) AND principal_words_fit(groups))),
    CONSTRAINT principals_name CHECK ((principal_words_fit(ARRAY[name]) AND (name <> 'operator'::text) AND ((name !~ '^(telegram|slack)[_:]'::text) OR (disabled_at IS NOT NULL)))),
    CONSTRAINT principals_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'approver'::text, 'operator'::text])))
);
CREATE INDEX principals_by_group ON principals USING gin (groups);

CREATE TABLE principal_keys (
    key_hash bytea NOT NULL,
    key_id text NOT NULL GENERATED ALWAYS AS ("left"(encode(key_hash, 'hex'::text), 12)) STORED,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT principal_keys_pkey PRIMARY KEY (key_hash),
    CONSTRAINT principal_keys_key_id_key UNIQUE (key_id),
    CONSTRAINT principal_keys_name_fkey FOREIGN KEY (name) REFERENCES principals(name),
    CONSTRAINT principal_keys_key_hash_check CHECK ((length(key_hash) = 32))
);
CREATE INDEX principal_keys_by_name ON principal_keys USING btree (name, created_at DESC);

CREATE TABLE principal_identities (
    channel text NOT NULL,
    identity text NOT NULL,
    name text NOT NULL,
    CONSTRAINT principal_identities_pkey PRIMARY KEY (channel, identity),
    CONSTRAINT principal_identities_name_channel_key UNIQUE (name, channel),
    CONSTRAINT principal_identities_name_fkey FOREIGN KEY (name) REFERENCES principals(name),
    CONSTRAINT principal_identities_channel_check CHECK ((channel = ANY (ARRAY['telegram'::text, 'slack'::text]))),
    CONSTRAINT principal_identities_identity_check CHECK ((identity ~ '^[A-Za-z0-9._:/-]{1,64}$'::text)),
    CONSTRAINT principal_identities_one_person CHECK (is_one_person(channel, identity))
);

CREATE TABLE channels (
    channel_id uuid NOT NULL DEFAULT gen_random_uuid(),
    kind text NOT NULL,
    address text NOT NULL,
    project text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT channels_pkey PRIMARY KEY (channel_id),
    CONSTRAINT channels_once UNIQUE NULLS NOT DISTINCT (kind, address, project),
    CONSTRAINT channels_project_fkey FOREIGN KEY (project) REFERENCES projects(key),
    CONSTRAINT channels_address CHECK (
CASE kind
    WHEN 'telegram'::text THEN (address ~ '^-?[0-9]{1,19}$'::text)
    ELSE (address ~ '^[CDGUW][A-Z0-9]{2,20}$'::text)
END),
    CONSTRAINT channels_address_once CHECK (((kind <> 'telegram'::text) OR (address !~ '^-?0'::text))),
    CONSTRAINT channels_kind_check CHECK ((kind = ANY (ARRAY['telegram'::text, 'slack'::text])))
);

CREATE TABLE channel_moves (
    kind text NOT NULL,
    from_address text NOT NULL,
    to_address text NOT NULL,
    first_address text NOT NULL,
    moved_at timestamp with time zone NOT NULL,
    CONSTRAINT channel_moves_pkey PRIMARY KEY (kind, from_address),
    CONSTRAINT channel_moves_check CHECK (((length(to_address) <= 64) AND (to_address <> from_address))),
    CONSTRAINT channel_moves_from_address_check CHECK ((length(from_address) <= 64)),
    CONSTRAINT channel_moves_kind_check CHECK ((kind = ANY (ARRAY['telegram'::text, 'slack'::text])))
);
CREATE INDEX channel_moves_by_address ON channel_moves USING btree (kind, to_address);

CREATE TABLE channel_updates (
    kind text NOT NULL,
    update_id text NOT NULL,
    state text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    message text,
    said_at bigint,
    text_sha256 text,
    run_id text,
    CONSTRAINT channel_updates_pkey PRIMARY KEY (kind, update_id),
    CONSTRAINT channel_updates_kind_check CHECK ((kind = 'telegram'::text)),
    CONSTRAINT channel_updates_message CHECK ((((message IS NULL) = (said_at IS NULL)) AND ((message IS NULL) = (text_sha256 IS NULL)))),
    CONSTRAINT channel_updates_message_check CHECK ((length(message) <= 100)),
    CONSTRAINT channel_updates_state_check CHECK ((state = ANY (ARRAY['at_work'::text, 'handled'::text]))),
    CONSTRAINT channel_updates_text_sha256_check CHECK ((text_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT channel_updates_update_id_check CHECK ((length(update_id) <= 100))
);
CREATE INDEX channel_updates_by_message ON channel_updates USING btree (kind, message, said_at DESC) WHERE (message IS NOT NULL);
CREATE INDEX channel_updates_oldest ON channel_updates USING btree (received_at);

-- chat

CREATE TABLE chat_messages (
    message_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    user_id text NOT NULL,
    role text NOT NULL,
    content text NOT NULL,
    run_id text,
    gate text,
    told_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT chat_messages_pkey PRIMARY KEY (message_id),
    CONSTRAINT chat_messages_role_check CHECK ((role = ANY (ARRAY['user'::text, 'brendan'::text, 'notice'::text])))
);
CREATE INDEX chat_messages_by_user ON chat_messages USING btree (user_id, message_id DESC);
CREATE INDEX chat_messages_untold ON chat_messages USING btree (user_id, message_id) WHERE ((role = 'notice'::text) AND (told_at IS NULL));

CREATE TABLE chat_summaries (
    user_id text NOT NULL,
    summary text NOT NULL,
    until_id bigint NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT chat_summaries_pkey PRIMARY KEY (user_id)
);

CREATE TABLE chat_usage (
    user_id text NOT NULL,
    day date NOT NULL,
    turns integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost numeric(18,8) NOT NULL,
    CONSTRAINT chat_usage_pkey PRIMARY KEY (user_id, day),
    CONSTRAINT chat_usage_cost_check CHECK ((cost >= (0)::numeric)),
    CONSTRAINT chat_usage_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT chat_usage_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT chat_usage_turns_check CHECK ((turns >= 0))
);
CREATE INDEX chat_usage_by_person ON chat_usage USING btree (split_part(user_id, '/'::text, 1), day);

-- knowledge

CREATE FUNCTION kb_unspaced() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]';

CREATE FUNCTION kb_spelling(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(replace(replace(replace(replace(replace(replace(lower(
    normalize(regexp_replace(normalize(words, NFKD), '[\u00ad\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u061c\u064b-\u065f\u0670\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]', '', 'g'), NFC)
    COLLATE "C"), 'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), 'œ', 'oe'), 'Œ', 'oe'),
    'ıŁłØøĐđĦħŦŧÐÞŊƏςАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯІЄҐЂЅЈЉЊЋЏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩƁƂƄƆƇƉƊƋƎƐƑƓƔƖƗƘƜƝƟ'
    'ƢƤƦƧƩƬƮƱƲƳƵƷƸƼǤǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿϏϘϚϜϞϠϢϤϦϨϪϬϮϷϺϽϾϿѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃ'
    'ӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖỺỼỾ',
    'illooddhhttðþŋəσабвгдежзиклмнопрстуфхцчшщъыьэюяієґђѕјљњћџαβγδεζηθικλμνξοπρστυφχψωɓƃƅɔƈɖɗƌǝɛƒɠɣɩɨƙɯɲɵ'
    'ƣƥʀƨʃƭʈʊʋƴƶʒƹƽǥƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳϗϙϛϝϟϡϣϥϧϩϫϭϯϸϻͻͼͽѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӄ'
    'ӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆỻỽỿ');

CREATE FUNCTION kb_pairs(spelling text, ends boolean) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(format('''%s'':%s', letter || coalesce(next, ''), least(place, 16000)), ' '), '')::tsvector
      FROM (SELECT letter, at, lead(letter) OVER (PARTITION BY run ORDER BY at) AS next, row_number() OVER () AS place
              FROM regexp_matches(spelling, kb_unspaced() || '+', 'g') WITH ORDINALITY AS runs (found, run),
                   unnest(string_to_array(found[1], NULL)) WITH ORDINALITY AS letters (letter, at)) AS listed
     WHERE next IS NOT NULL OR ends OR at = 1
);

CREATE FUNCTION kb_vector(words text, ends boolean) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT to_tsvector('english'::regconfig, regexp_replace(spelling, kb_unspaced() || '+', ' ', 'g')) || kb_pairs(spelling, ends)
      FROM (SELECT kb_spelling(words) AS spelling OFFSET 0) AS spelt
);

CREATE TABLE kb_documents (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    project text,
    persona text,
    path text NOT NULL,
    content text NOT NULL,
    hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT kb_documents_pkey PRIMARY KEY (id),
    CONSTRAINT kb_documents_path_key UNIQUE (path),
    CONSTRAINT kb_documents_path_check CHECK (((length(path) >= 1) AND (length(path) <= 1000))),
    CONSTRAINT kb_documents_persona_check CHECK ((persona ~ '^[a-z0-9_-]{1,50}$'::text)),
    CONSTRAINT kb_documents_project_check CHECK ((project ~ '^[a-z0-9_-]{1,50}$'::text))
);
CREATE INDEX kb_documents_by_reader ON kb_documents USING btree (project, persona);

CREATE TABLE kb_chunks (
    chunk_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    doc_id uuid NOT NULL,
    "position" integer NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    tsv tsvector NOT NULL GENERATED ALWAYS AS ((setweight(kb_vector(title, true), 'A'::"char") || setweight(kb_vector(content, true), 'D'::"char"))) STORED,
    CONSTRAINT kb_chunks_pkey PRIMARY KEY (chunk_id),
    CONSTRAINT kb_chunks_doc_id_position_key UNIQUE (doc_id, "position"),
    CONSTRAINT kb_chunks_doc_id_fkey FOREIGN KEY (doc_id) REFERENCES kb_documents(id) ON DELETE CASCADE
);
CREATE INDEX kb_chunks_by_word ON kb_chunks USING gin (tsv);

CREATE TABLE kb_lexemes (
    lexeme text NOT NULL,
    chunks bigint NOT NULL,
    CONSTRAINT kb_lexemes_pkey PRIMARY KEY (lexeme),
    CONSTRAINT kb_lexemes_chunks_check CHECK ((chunks >= 0))
);
CREATE INDEX kb_lexemes_unused ON kb_lexemes USING btree (lexeme) WHERE (chunks = 0);

CREATE TABLE kb_corpus (
    one boolean NOT NULL DEFAULT true,
    chunks bigint NOT NULL DEFAULT 0,
    embedder text,
    changed_at timestamp with time zone,
    CONSTRAINT kb_corpus_pkey PRIMARY KEY (one),
    CONSTRAINT kb_corpus_one_check CHECK (one)
);

-- operations

CREATE TABLE leases (
    name text NOT NULL,
    holder text NOT NULL,
    fence bigint NOT NULL DEFAULT 0,
    held_until timestamp with time zone NOT NULL,
    last_success_at timestamp with time zone,
    last_report jsonb,
    CONSTRAINT leases_pkey PRIMARY KEY (name)
);

CREATE TABLE drain (
    only_row boolean NOT NULL DEFAULT true,
    active boolean NOT NULL,
    actor text NOT NULL,
    reason text,
    since timestamp with time zone NOT NULL,
    CONSTRAINT drain_pkey PRIMARY KEY (only_row),
    CONSTRAINT drain_only_row_check CHECK (only_row)
);

CREATE UNLOGGED TABLE rate_limits (
    name text NOT NULL,
    caller text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    count integer NOT NULL,
    CONSTRAINT rate_limits_pkey PRIMARY KEY (name, caller)
);
CREATE INDEX rate_limits_by_age ON rate_limits USING btree (window_start);

CREATE UNLOGGED TABLE metric_observations (
    observation_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    labels text NOT NULL,
    value double precision NOT NULL,
    run_id text,
    CONSTRAINT metric_observations_pkey PRIMARY KEY (observation_id)
);

CREATE TABLE metric_totals (
    name text NOT NULL,
    labels text NOT NULL,
    value double precision NOT NULL,
    CONSTRAINT metric_totals_pkey PRIMARY KEY (name, labels)
);

CREATE TABLE metric_histograms (
    name text NOT NULL,
    labels text NOT NULL,
    run_id text NOT NULL DEFAULT ''::text,
    le double precision NOT NULL,
    count bigint NOT NULL,
    sum double precision NOT NULL,
    CONSTRAINT metric_histograms_pkey PRIMARY KEY (name, labels, run_id, le)
);

-- series

CREATE TABLE metric_series (
    minutes smallint NOT NULL,
    at timestamp with time zone NOT NULL,
    name text NOT NULL,
    provider text NOT NULL DEFAULT ''::text,
    count bigint NOT NULL,
    sum double precision NOT NULL,
    CONSTRAINT metric_series_pkey PRIMARY KEY (minutes, at, name, provider),
    CONSTRAINT metric_series_minutes_check CHECK ((minutes = ANY (ARRAY[1, 60])))
);

-- Functions: their texts, with what they take and answer, are in functions/<domain>/<name>.sql.

-- channels
-- channel_add(request jsonb) RETURNS jsonb
-- channel_current(a_kind text, an_address text) RETURNS text
-- channel_first(a_kind text, an_address text) RETURNS text
-- channel_list(request jsonb) RETURNS jsonb
-- channel_move(request jsonb) RETURNS jsonb
-- channel_remove(request jsonb) RETURNS jsonb
-- channel_view(channel channels) RETURNS jsonb
-- channels_observe(observed jsonb, a_now timestamptz) RETURNS void
-- notice_approvers(a_run runs, notice jsonb) RETURNS TABLE (kind text, address text, name text)
-- notice_recipient(a_kind text, an_address text, a_run_id text) RETURNS jsonb
-- notice_targets(a_run runs, notice jsonb) RETURNS TABLE (kind text, address text, approver text, is_principal boolean)
-- notices_replay(request jsonb) RETURNS jsonb
-- press_load(request jsonb) RETURNS jsonb
-- update_begin(request jsonb) RETURNS jsonb
-- update_end(request jsonb) RETURNS jsonb

-- chat
-- chat_append(chat jsonb, a_now timestamptz) RETURNS void
-- chat_day(at timestamptz) RETURNS date
-- chat_delete(request jsonb) RETURNS jsonb
-- chat_export(request jsonb) RETURNS jsonb
-- chat_load(request jsonb) RETURNS jsonb
-- chat_run(request jsonb) RETURNS jsonb
-- chat_save(request jsonb) RETURNS jsonb
-- chat_summarise(request jsonb) RETURNS jsonb
-- chat_use(a_user text, used jsonb, a_turns integer, a_now timestamptz) RETURNS void
-- chat_user(said text, principal text) RETURNS text
-- llm_observe(used jsonb) RETURNS void
-- persona_recall(request jsonb) RETURNS jsonb
-- personas_observe(observed jsonb) RETURNS void

-- commit
-- approvals_write(rows jsonb, a_now timestamptz) RETURNS void
-- artifacts_write(rows jsonb, a_now timestamptz) RETURNS void
-- contacts_observe(observed jsonb, breakers jsonb) RETURNS void
-- effects_rearm(rows jsonb, a_now timestamptz) RETURNS void
-- effects_settle(settles jsonb, a_now timestamptz) RETURNS jsonb
-- effects_write(rows jsonb, a_now timestamptz) RETURNS boolean
-- events_append(events jsonb) RETURNS void
-- gates_write_closed(rows jsonb, a_now timestamptz) RETURNS void
-- gates_write_opened(rows jsonb, a_now timestamptz) RETURNS void
-- jobs_observe(rows jsonb, a_now timestamptz) RETURNS void
-- jobs_write(rows jsonb, a_now timestamptz) RETURNS void
-- notices_write(rows jsonb, a_now timestamptz) RETURNS boolean
-- run_chain_link(state bytea, previous bytea, body text) RETURNS bytea
-- run_event_hash(previous bytea, body text) RETURNS bytea
-- run_start(decision jsonb, a_now timestamptz) RETURNS jsonb
-- runs_commit(request jsonb) RETURNS jsonb
-- runs_end(ended jsonb, a_now timestamptz) RETURNS boolean
-- runs_export(ended jsonb, a_now timestamptz) RETURNS boolean
-- runs_fence(run_ids text[], a_now timestamptz) RETURNS void
-- runs_hold(rows jsonb, a_now timestamptz) RETURNS void
-- runs_observe_end(ended jsonb, a_now timestamptz) RETURNS void
-- runs_release(rows jsonb, a_now timestamptz) RETURNS boolean
-- runs_write(decisions jsonb, a_now timestamptz) RETURNS void
-- runs_write_rows(request jsonb, a_now timestamptz) RETURNS boolean

-- console
-- console_chat(request jsonb) RETURNS jsonb
-- console_inbox(request jsonb) RETURNS jsonb
-- console_letter(request jsonb) RETURNS jsonb
-- console_login(request jsonb) RETURNS jsonb
-- console_projects() RETURNS jsonb
-- console_providers(request jsonb) RETURNS jsonb
-- console_receipt(receipt webhook_events) RETURNS jsonb
-- console_run(request jsonb) RETURNS jsonb
-- console_runs(request jsonb) RETURNS jsonb
-- console_shell(request jsonb) RETURNS jsonb
-- console_start(request jsonb) RETURNS jsonb
-- console_system(request jsonb) RETURNS jsonb
-- console_webhooks(request jsonb) RETURNS jsonb

-- dead_letters
-- dead_letter_close(a_id uuid, an_outcome text, job provider_jobs, who text, why text, a_now timestamptz) RETURNS boolean
-- dead_letter_ended(a_id uuid) RETURNS jsonb
-- dead_letter_row(letter webhook_dlq) RETURNS jsonb
-- dead_letter_senders() RETURNS SETOF text
-- dead_letter_settle(request jsonb) RETURNS jsonb
-- dead_letter_view(request jsonb) RETURNS jsonb
-- dead_letters_counted() RETURNS integer
-- dead_letters_expire(a_now timestamptz, page integer) RETURNS integer
-- dead_letters_list(request jsonb) RETURNS jsonb
-- dead_letters_retry(request jsonb) RETURNS jsonb

-- dispatch
-- effects_lease(request jsonb) RETURNS json
-- kick_take(a_now timestamptz) RETURNS boolean
-- lanes_due(providers text[], a_now timestamptz) RETURNS TABLE (provider text, lane text, quota bigint, share bigint, probe boolean, in_outage boolean, start_at timestamptz, open_at timestamptz)
-- provider_after(state provider_states, seen jsonb, a_now timestamptz) RETURNS provider_states
-- providers_observe(observed jsonb, a_now timestamptz) RETURNS jsonb
-- providers_register(providers jsonb) RETURNS jsonb
-- starts_recent(starts timestamptz[], span interval, a_now timestamptz) RETURNS timestamptz[]

-- doctor
-- doctor_effects(page text[], overdue timestamptz) RETURNS TABLE (invariant text, run_id text, detail text)
-- doctor_expected(page text[]) RETURNS TABLE (run_id text, job_id text, step text, key text, state text, last_error text)
-- doctor_gates(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
-- doctor_jobs(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
-- doctor_page(request jsonb) RETURNS jsonb
-- doctor_rebuild(request jsonb) RETURNS jsonb
-- doctor_runs(page text[], overdue timestamptz) RETURNS TABLE (invariant text, run_id text, detail text)
-- doctor_timelines(page text[]) RETURNS TABLE (invariant text, run_id text, detail text)
-- doctor_webhooks(request jsonb) RETURNS jsonb

-- drain
-- drain_lock() RETURNS bigint
-- drain_refusal(decision jsonb) RETURNS jsonb
-- drain_state(request jsonb) RETURNS jsonb
-- drain_status(request jsonb) RETURNS jsonb
-- drain_switch(request jsonb) RETURNS jsonb

-- exports
-- export_add(a_kind text, a_key text, a_run_id text, payload jsonb, a_now timestamptz) RETURNS boolean
-- export_death(an_effect_id bigint, a_now timestamptz) RETURNS void
-- exports_want(wanted jsonb, a_now timestamptz) RETURNS void

-- gates
-- gates_open(request jsonb) RETURNS jsonb

-- health
-- readiness(request jsonb) RETURNS jsonb

-- knowledge
-- kb_answer(request jsonb) RETURNS jsonb
-- kb_apply(request jsonb) RETURNS jsonb
-- kb_by_meaning(vector jsonb, a_project text, a_persona text) RETURNS TABLE (chunk_id bigint, place bigint, similarity double precision)
-- kb_by_words(question text, a_project text, a_persona text) RETURNS TABLE (chunk_id bigint, place bigint, coverage double precision, matched text[])
-- kb_embed(request jsonb) RETURNS jsonb
-- kb_list(request jsonb) RETURNS jsonb
-- kb_query(lexemes text[], operator text) RETURNS tsquery
-- kb_read(request jsonb) RETURNS jsonb
-- kb_search(request jsonb) RETURNS jsonb
-- kb_vectorless(request jsonb) RETURNS jsonb
-- kb_vectors_prepare() RETURNS boolean

-- metrics
-- metric_series_since(names text[]) RETURNS jsonb
-- metrics_fold(request jsonb) RETURNS jsonb
-- metrics_gauges(a_now timestamptz) RETURNS TABLE (name text, labels text, value double precision)
-- metrics_read(request jsonb) RETURNS jsonb
-- request_observe(observation jsonb, beside jsonb DEFAULT NULL) RETURNS boolean
-- request_without(request jsonb, run_ids text[]) RETURNS jsonb

-- principals
-- caller_admit(request jsonb) RETURNS jsonb
-- principal_acts(known jsonb) RETURNS boolean
-- principal_add(request jsonb) RETURNS jsonb
-- principal_behind(a_channel text, an_identity text) RETURNS jsonb
-- principal_change(request jsonb) RETURNS jsonb
-- principal_find(request jsonb) RETURNS jsonb
-- principal_identify(a_name text, identities jsonb) RETURNS void
-- principal_key_add(request jsonb) RETURNS jsonb
-- principal_key_revoke(request jsonb) RETURNS jsonb
-- principal_list(request jsonb) RETURNS jsonb
-- principal_named(a_name text) RETURNS jsonb
-- principal_of_identity(a_channel text, an_identity text) RETURNS jsonb
-- principal_of_key(a_key_hash text, a_now timestamptz) RETURNS jsonb
-- principal_switch(request jsonb) RETURNS jsonb
-- principals_named(request jsonb) RETURNS jsonb
-- rate_take(a_limit jsonb, a_now timestamptz) RETURNS jsonb

-- projects
-- budget_take(a_project text, budget jsonb, a_now timestamptz) RETURNS jsonb
-- persona_label(a_name text) RETURNS text
-- project_apply(request jsonb) RETURNS jsonb
-- project_definition(request jsonb) RETURNS jsonb
-- project_list(request jsonb) RETURNS jsonb
-- social_seed(request jsonb) RETURNS jsonb

-- retention
-- artifacts_prune(request jsonb) RETURNS jsonb
-- retention_count(request jsonb) RETURNS jsonb
-- retention_prune(request jsonb) RETURNS jsonb
-- runs_purge(request jsonb) RETURNS jsonb

-- runs
-- insight_read(request jsonb) RETURNS jsonb
-- run_conditions(request jsonb) RETURNS text
-- run_events_guard() RETURNS trigger
-- run_facts(request jsonb) RETURNS jsonb
-- run_fetch(request jsonb) RETURNS json
-- run_list(request jsonb) RETURNS jsonb
-- run_states(request jsonb) RETURNS jsonb
-- run_timeline(request jsonb) RETURNS jsonb
-- run_view(request jsonb) RETURNS jsonb
-- runs_guard() RETURNS trigger
-- runs_past_deadline(request jsonb) RETURNS json
-- runs_past_request(request jsonb) RETURNS json
-- runs_past_warning(request jsonb) RETURNS json
-- runs_remains(request jsonb) RETURNS jsonb
-- start_load(request jsonb) RETURNS jsonb

-- sweep
-- effects_lost(request jsonb) RETURNS jsonb
-- leases_expire(request jsonb) RETURNS jsonb
-- sweep_begin(request jsonb) RETURNS jsonb
-- sweep_finish(request jsonb) RETURNS jsonb

-- webhooks
-- job_match(a_provider text, a_match jsonb) RETURNS provider_jobs
-- job_match_failure(a_provider text, a_match jsonb) RETURNS text
-- job_poke(a_job_id text, a_hint jsonb, a_now timestamptz) RETURNS boolean
-- jobs_fitting(a_provider text, a_match jsonb) RETURNS SETOF provider_jobs
-- receipt_bytes(headers jsonb, query text, body bytea) RETURNS integer
-- strangers_take(budget text, bytes integer, a_now timestamptz) RETURNS boolean
-- webhook_accept(request jsonb, body bytea) RETURNS jsonb
-- webhook_refuse(request jsonb, body bytea) RETURNS jsonb
