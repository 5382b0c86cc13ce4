-- From version 3 to version 4: columns are called as in the code.

ALTER TABLE event RENAME COLUMN told TO announced;
ALTER TABLE event RENAME COLUMN known_as TO icaluid;
CREATE INDEX event_icaluid ON event (icaluid) WHERE icaluid != '';

CREATE INDEX letter_outbox ON letter (outbox);

ALTER TABLE outbox RENAME COLUMN single TO recurrence_id;
ALTER TABLE heard RENAME COLUMN place TO recurrence_id;
ALTER TABLE proposal RENAME COLUMN place TO recurrence_id;
ALTER TABLE trouble RENAME TO outage;
