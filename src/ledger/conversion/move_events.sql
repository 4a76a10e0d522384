-- Moves the events, which had a table of their own until version 7 of the schema, and the facts about limits, which were in
-- another order.
INSERT INTO facts (place, kind, position, key, detail) SELECT session, 6, id, process,
    '{"pid":' || ifnull(pid, 'null') || ',"process":' || process || ',"kind":"' || kind || '","at":' || at
    || ',"length":' || length || ',"total":' || ifnull(total, 'null')
    || ',"detail":"' || replace(replace(detail, '\', '\\'), '"', '\"') || '"}'
    FROM old_events;
INSERT INTO limit_facts SELECT iif(is_state, ifnull(session, 'machine'), ''), at, key, session, source, event
    FROM old_limit_facts;
-- Contexts consisted of five names, of which only the branch and the agent are needed.
UPDATE names SET name = substr(name, 1, instr(name, '","') + 2 + instr(substr(name, instr(name, '","') + 3), '","')) || ']'
    WHERE kind = 1 AND name LIKE '["%';
DROP TABLE old_events;
DROP TABLE old_limit_facts;
