-- Knowledge: what people wrote for Brendan, the personas and agents, in passages that a full-text index finds, and a vector index
-- too where PostgreSQL has pgvector: kb_vectors_prepare makes the table kb_embeddings. `mw kb ingest` writes it; docs/knowledge.md.

-- The letters of scripts that set no spaces between words (Korean hangs endings on them), as a class of regular expressions:
-- Thai, Lao, Burmese, Khmer, Chinese, Japanese, Korean.
CREATE FUNCTION kb_unspaced() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]';

-- A text in the one spelling in which words are compared, whatever the locale of the database: lower case (of Latin, Greek, Cyrillic
-- and Armenian letters), no accents and vowel signs, nothing invisible. The planner of messages has the same in Rust
-- (crates/kernel/src/letters.rs); a test holds them to each other letter by letter. Composed again at the end, since taking
-- accents off takes Korean syllables apart, too.
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

-- Every two letters that stand together in a script without spaces, with their places: the words of such a text as far as an
-- index needs them. A letter alone counts where it stands alone; `ends` adds the last letter of each run, so that every letter begins
-- an entry, and a question of one letter finds all that begin with it (kb_query).
CREATE FUNCTION kb_pairs(spelling text, ends boolean) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(string_agg(format('''%s'':%s', letter || coalesce(next, ''), least(place, 16000)), ' '), '')::tsvector
      FROM (SELECT letter, at, lead(letter) OVER (PARTITION BY run ORDER BY at) AS next, row_number() OVER () AS place
              FROM regexp_matches(spelling, kb_unspaced() || '+', 'g') WITH ORDINALITY AS runs (found, run),
                   unnest(string_to_array(found[1], NULL)) WITH ORDINALITY AS letters (letter, at)) AS listed
     WHERE next IS NOT NULL OR ends OR at = 1
);

-- The words of a text, for the index and for questions alike.
CREATE FUNCTION kb_vector(words text, ends boolean) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT to_tsvector('english'::regconfig, regexp_replace(spelling, kb_unspaced() || '+', ' ', 'g')) || kb_pairs(spelling, ends)
      FROM (SELECT kb_spelling(words) AS spelling OFFSET 0) AS spelt
);

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
                 setweight(kb_vector(title, true), 'A') || setweight(kb_vector(content, true), 'D')) STORED,
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
