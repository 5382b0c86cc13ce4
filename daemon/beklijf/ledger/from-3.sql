-- From version 3 to version 4: columns are called as in the code; what a mail is about has columns, and is not read from its name.

ALTER TABLE event RENAME COLUMN told TO announced;
ALTER TABLE event RENAME COLUMN known_as TO icaluid;
CREATE INDEX event_icaluid ON event (icaluid) WHERE icaluid != '';

CREATE INDEX letter_outbox ON letter (outbox);

ALTER TABLE outbox RENAME COLUMN single TO recurrence_id;
ALTER TABLE heard RENAME COLUMN place TO recurrence_id;
ALTER TABLE proposal RENAME COLUMN place TO recurrence_id;
ALTER TABLE trouble RENAME TO outage;

ALTER TABLE outbox ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN sequence INTEGER;
ALTER TABLE outbox ADD COLUMN whole INTEGER;

-- METHOD uid recurrence_id recipient sequence[ again day]: a cast takes the digits that come first.
UPDATE outbox SET
    about = substr(name, 1, instr(name, ' ') - 1),
    sequence = CAST(substr(name, instr(name, ' ') + length(uid) + length(recurrence_id) + length(recipient) + 4) AS INTEGER)
WHERE kind = 'invitation';
UPDATE outbox SET whole = sequence WHERE recurrence_id = '';

-- answer WHAT subject ..: what comes behind the second space, up to the third.
UPDATE outbox SET about = 'answer', subject = substr(name, 8 + instr(substr(name, 8), ' ')) WHERE kind = 'letter' AND name GLOB 'answer *';
UPDATE outbox SET subject = substr(subject, 1, instr(subject || ' ', ' ') - 1) WHERE about = 'answer';

-- notice TOPIC .. recipient, but: notice STAGE down since .. recipient
UPDATE outbox SET about = iif(name GLOB 'notice * down since *', 'down', substr(name, 8, instr(substr(name, 8), ' ') - 1))
WHERE kind = 'notice';
UPDATE outbox SET subject = substr(name, 18, instr(substr(name, 18), ' ') - 1) WHERE kind = 'notice' AND about = 'forwarded';

CREATE INDEX outbox_answer ON outbox (subject) WHERE about = 'answer';
CREATE INDEX outbox_notice ON outbox (about, queued) WHERE kind = 'notice';
