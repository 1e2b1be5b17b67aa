-- Makes room for vectors where PostgreSQL has pgvector and this role may use it. Without it there is the full-text index.
CREATE OR REPLACE FUNCTION kb_vectors_prepare() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('kb_embeddings') IS NOT NULL THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        RETURN false;
    END IF;
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE kb_embeddings (
        chunk_id  bigint PRIMARY KEY REFERENCES kb_chunks (chunk_id) ON DELETE CASCADE,
        embedding vector(1536) NOT NULL
    );
    CREATE INDEX kb_embeddings_by_cosine ON kb_embeddings USING hnsw (embedding vector_cosine_ops);
    RETURN true;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    -- Not ours to install, or too old for this index.
    RETURN false;
END $$;
SELECT kb_vectors_prepare();
