#!/usr/bin/env bash
# flufl.bounce finds nobody in a delivery report of the kind that mail servers write for mail sent with SMTPUTF8.
#
# Seen on 29 November 2026: flufl.bounce 6.0.0 (Mailman's bounce detector), Python 3.11.
# A report may be a message/delivery-status (RFC 3464) or, for a mail that was sent with SMTPUTF8, a message/global-delivery-status
# (RFC 6533): the same fields under another name. Python's email package knows the first as a list of blocks; of the second it makes
# one message whose headers are the fields about the mail and whose body is the text of those about the recipient. flufl.bounce
# finds no failure in it, and the address that does not exist is written to again.
#
# Whom it concerns: who reads bounces: parse the text of the part, whatever its second name is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet flufl.bounce==6.0.0
"$work/venv/bin/python" - <<'PY'
from email import message_from_string

from flufl.bounce import all_failures


def report(kind: str, address_type: str):
    return message_from_string(
        f"""From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: coach@training.example
Subject: Undelivered mail
Date: Tue, 02 Mar 2027 10:00:00 +0100
Message-ID: <1@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="next"

--next
Content-Type: text/plain; charset=us-ascii

Your letter could not be delivered.

--next
Content-Type: message/{kind}

Reporting-MTA: dns; mx.example
Arrival-Date: Tue, 02 Mar 2027 09:59:58 +0100

Final-Recipient: {address_type}; trainee@work.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such mailbox

--next--
"""
    )


def seen(mail) -> tuple[int, list[str], int]:
    """The blocks that the email package finds, the fields of the first, and the failures that flufl.bounce finds."""
    blocks = mail.get_payload(1).get_payload()
    _, permanent = all_failures(mail)
    return len(blocks), blocks[0].keys(), len(permanent)


plain, world = seen(report("delivery-status", "rfc822")), seen(report("global-delivery-status", "utf-8"))
print("message/delivery-status:       ", plain)
print("message/global-delivery-status:", world)
assert plain == (2, ["Reporting-MTA", "Arrival-Date"], 1)
assert world == (1, ["Reporting-MTA", "Arrival-Date"], 0)
assert seen(report("global-delivery-status", "rfc822")) == world
PY
