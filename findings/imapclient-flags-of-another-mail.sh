#!/usr/bin/env bash
# IMAPClient gives a mail the flags of another one, whose number in the folder happens to be the first one's UID.
#
# Seen on 29 November 2026: IMAPClient 4.1.0, Python 3.11, against a server of a few lines that answers as RFC 3501 lets it.
# A server may tell at any time that another mail's flags changed, by an untagged FETCH, and needs to add a UID only to what the
# UID command asked for (RFC 3501 sections 7.4.2 and 6.4.8). IMAPClient keys an answer without UID by the mail's number, leaves
# out what nobody asked for, and merges the rest: so a number that equals a wanted UID passes for that mail.
#
# Whom it concerns: who decides by flags (seen, answered, deleted) in a folder whose UIDs are still low. SEQ tells them apart, for
# who knows the numbers: here it is 4, the other mail's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet IMAPClient==4.1.0
"$work/venv/bin/python" - <<'PY'
import socket
import threading

from imapclient import IMAPClient

# The folder: number 1 has UID 4 and is unread; number 4 has UID 9, and somebody else just read it.
ASKED = b"* 1 FETCH (UID 4 FLAGS ())\r\n"
UNASKED = b"* 4 FETCH (FLAGS (\\Seen))\r\n"
ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
    b"SELECT": b"* 4 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY 1] valid\r\n* OK [UIDNEXT 10] next\r\n",
    b"LOGOUT": b"* BYE until later\r\n",
}


def serve(listening: socket.socket, fetched: bytes) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rwb") as wire:
        wire.write(b"* OK ready\r\n")
        wire.flush()
        for line in wire:
            tag, command, *_ = line.split()
            wire.write(fetched if command == b"UID" else ANSWERS.get(command, b""))
            wire.write(tag + b" OK done\r\n")
            wire.flush()
            if command == b"LOGOUT":
                return


def flags(fetched: bytes) -> dict:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening, fetched), daemon=True).start()
        with IMAPClient("127.0.0.1", port=listening.getsockname()[1], ssl=False, timeout=10) as client:
            client.login("coach", "secret")
            client.select_folder("INBOX")
            return client.fetch([4], ["FLAGS"])


alone, beside = flags(ASKED), flags(ASKED + UNASKED)
print("UID 4, and nothing else said:              ", alone)
print("UID 4, while number 4 was read by somebody:", beside)
assert alone == {4: {b"SEQ": 1, b"FLAGS": ()}}
assert beside == {4: {b"SEQ": 4, b"FLAGS": (b"\\Seen",)}}
PY
