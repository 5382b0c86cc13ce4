-- From version 1 to version 2: what people say; pauses among the decisions.

CREATE TABLE decision_2 (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('approve', 'restore', 'pause', 'resume')),
    subject TEXT NOT NULL,
    field TEXT NOT NULL DEFAULT '',
    made TEXT NOT NULL,
    done TEXT
) STRICT;
INSERT INTO decision_2 SELECT * FROM decision;
DROP TABLE decision;
ALTER TABLE decision_2 RENAME TO decision;

ALTER TABLE event ADD COLUMN known_as TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN proposals TEXT NOT NULL DEFAULT '[]';

-- What people say. All of it goes some time after the end of the track that it is about ([answers] keep).

CREATE TABLE heard (                -- answers, moves, proposals: of whom, about which meeting
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    said TEXT NOT NULL,             -- conversation.Said
    uid TEXT NOT NULL,              -- '': about a person, and no event
    place TEXT NOT NULL,            -- where the rhythm has that one meeting; '': the whole event
    who TEXT NOT NULL,              -- address; '': a calendar doesn't tell who changed it
    source TEXT NOT NULL CHECK (source IN ('calendar', 'mail'))
) STRICT;
CREATE INDEX heard_uid ON heard (uid, who);

CREATE TABLE proposal (             -- other times that people proposed, until they are settled
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    mentorship TEXT NOT NULL,
    uid TEXT NOT NULL,              -- '': the hour of a series that is not written yet
    place TEXT NOT NULL,
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
