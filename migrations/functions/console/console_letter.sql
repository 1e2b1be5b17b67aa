-- {"id", "payload_bytes"} → {"shell", "letter"}: one dead letter with what was received; null when there never was one.
CREATE OR REPLACE FUNCTION console_letter(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('shell', console_shell(request), 'letter', dead_letter_view(request)));
END $$;
