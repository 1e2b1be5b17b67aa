-- The user whom a body means: behind a principal's key their own name or a part of it, `<name>/<said>`. NULL where it names
-- somebody else, another principal or a chat of Telegram, who would be told what they never asked for. Without a principal (the
-- environment's key, a session, a seal) the body is believed.
CREATE OR REPLACE FUNCTION chat_user(said text, principal text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF principal IS NULL OR said = principal OR starts_with(said, principal || '/') THEN
        RETURN said;
    END IF;
    IF said ~ '^telegram_-?[0-9]' OR split_part(said, '/', 1) = 'operator'
       OR EXISTS (SELECT FROM principals WHERE name = split_part(said, '/', 1)) THEN
        RETURN NULL;
    END IF;
    RETURN principal || coalesce('/' || said, '');
END $$;
