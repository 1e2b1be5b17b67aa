-- Where a notice goes: the chats and channels of its project or of all, the user of Telegram who has the run, and whom
-- the gate's policy names. `approver` is who a link in the message speaks for, and whether that is a principal.
CREATE OR REPLACE FUNCTION notice_targets(a_run runs, notice jsonb)
    RETURNS TABLE (kind text, address text, approver text, is_principal boolean)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (target.kind, target.address) target.kind, target.address, target.approver, target.place = 1 FROM (
        SELECT a.kind, a.address, a.name AS approver, 1 AS place FROM notice_approvers(a_run, notice) AS a
        UNION ALL
        SELECT 'telegram', channel_current('telegram', substr(a_run.user_id, 10)), a_run.user_id, 2 WHERE a_run.user_id ~ '^telegram_-?[0-9]{1,19}$'
        UNION ALL
        SELECT c.kind, c.address, c.kind || ':' || c.address, 3 FROM channels AS c
         WHERE c.project IS NULL OR c.project = a_run.project) AS target
     ORDER BY target.kind, target.address, target.place
$$;
