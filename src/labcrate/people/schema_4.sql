-- Version 4: texts of the logs as messages, so that pages can show them in the reader's language.
-- Both columns hold JSON with the message's id and values. They are NULL in lines of earlier versions, and where the
-- text is no message; the text itself stays in English beside them.

ALTER TABLE export ADD COLUMN reason_message TEXT;  -- the message of the text in reason
ALTER TABLE link ADD COLUMN source_message TEXT;    -- the message of the text in source, if that is no path
