-- Knowledge: what people wrote for Brendan, the personas and agents, in passages that a full-text index finds, and a vector index
-- too where PostgreSQL has pgvector: kb_vectors_prepare makes the table kb_embeddings. `mw kb ingest` writes it; docs/knowledge.md.

CREATE TABLE kb_documents (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Null means for everybody.
    project    text CHECK (project ~ '^[a-z0-9_-]{1,50}$'),
    persona    text CHECK (persona ~ '^[a-z0-9_-]{1,50}$'),
    -- Below the folder that was ingested.
    path       text NOT NULL UNIQUE CHECK (length(path) BETWEEN 1 AND 1000),
    content    text NOT NULL,
    -- Of all that is kept of it, and of how it is cut.
    hash       text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX kb_documents_by_reader ON kb_documents (project, persona);

-- The passages of a document.
CREATE TABLE kb_chunks (
    chunk_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    doc_id   uuid NOT NULL REFERENCES kb_documents (id) ON DELETE CASCADE,
    position integer NOT NULL,
    -- The headings above it.
    title    text NOT NULL,
    content  text NOT NULL,
    tsv      tsvector NOT NULL GENERATED ALWAYS AS (
                 setweight(to_tsvector('english'::regconfig, title), 'A')
                 || setweight(to_tsvector('english'::regconfig, content), 'D')) STORED,
    UNIQUE (doc_id, position)
);
CREATE INDEX kb_chunks_by_word ON kb_chunks USING gin (tsv);

-- In how many passages each word stands: rare words of a question say more than common ones.
CREATE TABLE kb_lexemes (
    lexeme text PRIMARY KEY,
    chunks bigint NOT NULL CHECK (chunks >= 0)
);
CREATE INDEX kb_lexemes_unused ON kb_lexemes (lexeme) WHERE chunks = 0;

-- One row about the whole: its size, and whose vectors it has. Locked by whoever writes, so that one does at a time.
CREATE TABLE kb_corpus (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    chunks     bigint NOT NULL DEFAULT 0,
    embedder   text,
    changed_at timestamptz
);
INSERT INTO kb_corpus DEFAULT VALUES;
