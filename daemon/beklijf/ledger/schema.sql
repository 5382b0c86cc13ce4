-- The ledger: identity, what was asked, seen and announced, the outbox, facts and decisions.
-- Instants are ISO 8601 in UTC; events are in the one spelling of canonical.py.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,          -- calendar, trial, move, leaving UID (moves.py); sender, last_tick, hears, inbox, secret, ..
    value TEXT NOT NULL
) STRICT;

CREATE TABLE mentorship (           -- since when a person is in a mentorship, and so since when it is on
    key TEXT NOT NULL,
    person TEXT NOT NULL,
    joined TEXT NOT NULL,
    PRIMARY KEY (key, person)
) STRICT;

CREATE TABLE slot (                 -- the pair's hour where the config doesn't have the last word
    mentorship TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('chosen', 'moved')),
    weekday INTEGER NOT NULL,
    at TEXT NOT NULL,
    minutes INTEGER NOT NULL,
    zone TEXT NOT NULL,
    first TEXT,                     -- moved: the day of the series' first meeting as moved
    config TEXT NOT NULL,           -- the config's `meets` at that time: a fact holds until that changes
    PRIMARY KEY (mentorship, kind)
) STRICT;

CREATE TABLE generation (           -- items that a successive event carries (the first needs no row)
    ref TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    since TEXT NOT NULL
) STRICT;

CREATE TABLE training (             -- what a running training was planned from: a change of these is asked about
    id TEXT PRIMARY KEY,
    method TEXT NOT NULL,           -- digest
    sessions TEXT NOT NULL          -- JSON list of the sessions' keys
) STRICT;

CREATE TABLE event (
    uid TEXT PRIMARY KEY,
    ref TEXT NOT NULL,
    generation INTEGER NOT NULL,
    kind TEXT NOT NULL,
    training TEXT NOT NULL,
    mentorships TEXT NOT NULL,      -- JSON list of keys
    persons TEXT NOT NULL,          -- JSON list of persons' keys: who is in it, whatever address they have
    hour TEXT NOT NULL,             -- the config's `meets` when it was asked for: a chosen place holds until that changes
    state TEXT NOT NULL CHECK (state IN ('intended', 'live', 'withdrawing', 'deleted', 'closed')),
                                    -- deleted: by a human, and not made again
    asked TEXT NOT NULL,
    seen TEXT NOT NULL,
    announced TEXT,                 -- what the attendees know; NULL: nothing yet
    href TEXT NOT NULL,
    etag TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    changed_at TEXT,                -- a human changed it then and nobody was told yet
    refused TEXT NOT NULL,          -- JSON list of fields that we wanted changed but a human owns
    ours TEXT NOT NULL,             -- JSON list of addresses that the inviting server can't reach
    icaluid TEXT NOT NULL DEFAULT '',       -- the inviting server's own UID, where it takes none of ours
    proposals TEXT NOT NULL DEFAULT '[]',   -- JSON: other times that people proposed, as the calendar last had them
    UNIQUE (ref, generation)
) STRICT;
CREATE INDEX event_icaluid ON event (icaluid) WHERE icaluid != '';

CREATE TABLE letter (               -- every wish that became a letter, by its ref
    ref TEXT NOT NULL,
    mentorship TEXT NOT NULL,
    person TEXT NOT NULL,           -- key
    at TEXT NOT NULL,               -- when it was queued
    outbox INTEGER NOT NULL REFERENCES outbox (id),
    PRIMARY KEY (ref, person)
) STRICT;
CREATE INDEX letter_person ON letter (person, at);
CREATE INDEX letter_outbox ON letter (outbox);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('letter', 'invitation', 'notice')),
    name TEXT NOT NULL UNIQUE,      -- what it is a function of; Message-ID and Maildir name come from it
    recipient TEXT NOT NULL,        -- address
    uid TEXT,                       -- invitations: which event, which meeting of it ('' for the whole)
    recurrence_id TEXT,
    payload TEXT NOT NULL,          -- JSON: what rendering needs
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'perhaps', 'failed', 'dropped')),
    queued TEXT NOT NULL,           -- becomes the Date header
    retry_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    bytes BLOB,                     -- only while sending or retrying
    message_id TEXT,
    note TEXT NOT NULL DEFAULT '',  -- the server's words when it failed
    unanswered INTEGER NOT NULL DEFAULT 0,  -- 1: it was handed over and nothing was heard, so it may have arrived
    about TEXT NOT NULL DEFAULT '',         -- invitations: iTIP's method; notices: their topic; letters: 'answer', '' for one of the plan
    subject TEXT NOT NULL DEFAULT '',       -- answers: a UID, mentorship or person; notices that pass a mail on: a hash of who wrote it
    sequence INTEGER,                       -- invitations: of the event, or of the one meeting that it is about
    whole INTEGER                           -- invitations: of the event in it, which is lower where one meeting alone changed
) STRICT;
CREATE INDEX outbox_state ON outbox (state, id);
CREATE INDEX outbox_uid ON outbox (uid, recipient);
CREATE INDEX outbox_retry ON outbox (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX outbox_message ON outbox (message_id);
CREATE INDEX outbox_answer ON outbox (subject) WHERE about = 'answer';
CREATE INDEX outbox_notice ON outbox (about, queued) WHERE kind = 'notice';

CREATE TABLE outage (               -- targets that refused: retried with back-off, named in status
    target TEXT PRIMARY KEY,
    what TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    since TEXT NOT NULL,
    retry_at TEXT NOT NULL
) STRICT;

CREATE TABLE decision (             -- what people decided; the next tick takes it up
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('approve', 'restore', 'pause', 'resume', 'retry')),
    subject TEXT NOT NULL,
    field TEXT NOT NULL DEFAULT '',
    made TEXT NOT NULL,
    done TEXT
) STRICT;

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

-- What people say. All of it goes some time after the end of the track that it is about ([answers] keep).

CREATE TABLE heard (                -- answers, moves, proposals: of whom, about which meeting
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    said TEXT NOT NULL,             -- conversation.Said
    uid TEXT NOT NULL,              -- '': about a person, and no event
    recurrence_id TEXT NOT NULL,    -- where the rhythm has that one meeting; '': the whole event
    who TEXT NOT NULL,              -- address; '': a calendar doesn't tell who changed it
    source TEXT NOT NULL CHECK (source IN ('calendar', 'mail'))
) STRICT;
CREATE INDEX heard_uid ON heard (uid, who);

CREATE TABLE proposal (             -- other times that people proposed, until they are settled
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    mentorship TEXT NOT NULL,
    uid TEXT NOT NULL,              -- '': the hour of a series that is not written yet
    recurrence_id TEXT NOT NULL,
    who TEXT NOT NULL,              -- person's key
    start TEXT NOT NULL,
    zone TEXT NOT NULL,             -- the clock in which a whole series goes on; '' for one meeting
    minutes INTEGER NOT NULL,
    agreed INTEGER NOT NULL         -- 1: by the one whose say it is
) STRICT;

CREATE TABLE token (                -- what people can ask for by a mail that carries it
    token TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    mentorship TEXT NOT NULL,
    person TEXT NOT NULL,
    value TEXT NOT NULL,            -- JSON
    made TEXT NOT NULL
) STRICT;

CREATE TABLE goal (                 -- in the mentee's own words; takes the place of the config's
    mentorship TEXT PRIMARY KEY,
    person TEXT NOT NULL,           -- key
    goal TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE TABLE pause (
    person TEXT NOT NULL,           -- key
    kind TEXT NOT NULL CHECK (kind IN ('letters', 'reminders', 'meetings')),
    first TEXT NOT NULL,
    last TEXT,                      -- NULL: until they resume
    PRIMARY KEY (person, kind)
) STRICT;

CREATE TABLE bounced (              -- addresses that don't exist: nothing more goes there
    address TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- Which ledger this is, and how many transactions it has seen: by these a -wal is known to be its own (safekeeping.py).
INSERT OR IGNORE INTO meta VALUES ('lineage', lower(hex(randomblob(16)))), ('commits', '0');
