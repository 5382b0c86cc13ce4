-- From version 2 to version 3: mails that were perhaps sent; what is held stays held; what was set aside.

-- A CHECK can't be altered: the table is made anew, and with it the one that refers to it.
DROP INDEX outbox_state;
DROP INDEX outbox_uid;
DROP INDEX letter_person;
ALTER TABLE outbox RENAME TO outbox_2;
ALTER TABLE letter RENAME TO letter_2;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('letter', 'invitation', 'notice')),
    name TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    uid TEXT,
    single TEXT,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'perhaps', 'failed', 'dropped')),
    queued TEXT NOT NULL,
    retry_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    bytes BLOB,
    message_id TEXT,
    note TEXT NOT NULL DEFAULT '',
    unanswered INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO outbox SELECT *, 0 FROM outbox_2;
CREATE INDEX outbox_state ON outbox (state, id);
CREATE INDEX outbox_uid ON outbox (uid, recipient);
CREATE INDEX outbox_retry ON outbox (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX outbox_message ON outbox (message_id);

CREATE TABLE letter (
    ref TEXT NOT NULL,
    mentorship TEXT NOT NULL,
    person TEXT NOT NULL,
    at TEXT NOT NULL,
    outbox INTEGER NOT NULL REFERENCES outbox (id),
    PRIMARY KEY (ref, person)
) STRICT;
INSERT INTO letter SELECT * FROM letter_2;
CREATE INDEX letter_person ON letter (person, at);

DROP TABLE letter_2;
DROP TABLE outbox_2;

CREATE TABLE hold (                 -- what waits until somebody approves it, or the config takes it back
    id TEXT NOT NULL,               -- PLAN-ID: one for all that was held at once; it stays while that shrinks
    kind TEXT NOT NULL CHECK (kind IN ('wish', 'question', 'fault', 'clock')),
    training TEXT NOT NULL,
    reason TEXT NOT NULL,           -- as it was when it was held
    since TEXT NOT NULL,
    config TEXT NOT NULL,           -- digest of the config that asks for it
    changes TEXT NOT NULL,          -- JSON: what stands of it (holds.HeldChange)
    approved TEXT,                  -- its changes pass since then, until the last of them is done
    PRIMARY KEY (id, training, reason)
) STRICT;

CREATE TABLE decision_3 (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('approve', 'restore', 'pause', 'resume', 'retry')),
    subject TEXT NOT NULL,
    field TEXT NOT NULL DEFAULT '',
    made TEXT NOT NULL,
    done TEXT
) STRICT;
INSERT INTO decision_3 SELECT * FROM decision;
DROP TABLE decision;
ALTER TABLE decision_3 RENAME TO decision;

CREATE TABLE aside (                -- inputs that failed by themselves; at three ticks: set aside, until they are to be tried again
    stage TEXT NOT NULL,            -- of a tick (stages.py)
    name TEXT NOT NULL,             -- what that stage calls the input
    arrived TEXT,                   -- of a mail: when the mailbox got it
    what TEXT NOT NULL,             -- what went wrong: its kind, and where in the code; never what stood in the input
    ticks INTEGER NOT NULL,         -- at how many it failed
    since TEXT NOT NULL,
    last TEXT NOT NULL,
    version TEXT NOT NULL,          -- the beklijf that it failed in: another one tries it again
    PRIMARY KEY (stage, name)
) STRICT;

-- Which ledger this is, and how many transactions it has seen: by these a -wal is known to be its own (safekeeping.py).
INSERT OR IGNORE INTO meta VALUES ('lineage', lower(hex(randomblob(16)))), ('commits', '0');
