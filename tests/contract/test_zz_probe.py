from tests.contract.test_answers_odd import *
from tests.contract.test_answers_odd import Deaf
from tests.contract.test_reconcile import QUIET
import re

def dsn(town, mid, who, n=0):
    report = "\r\n".join(["From: MAILER-DAEMON@voorbeeld.example", f"To: {ORGANIZER}", "Subject: Undelivered", "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="B"', "", "--B", "Content-Type: text/plain", "", "Not here.", "--B", "Content-Type: message/delivery-status", "",
            "Reporting-MTA: dns; mx.voorbeeld.example", "", f"Final-Recipient: rfc822; {who}", "Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 no", "", "--B",
            "Content-Type: text/rfc822-headers", "", f"Message-ID: {mid}", "", "--B--", ""])
    (town.folder / "inbox" / "new" / f"{n}.{hash(report)}.client").write_bytes(report.encode())

def test_flipflop(town):
    town.invited()
    total = 0
    for i in range(100):
        reply(town, "series", KARIM, "DECLINED" if i % 2 == 0 else "ACCEPTED")
        town.tick(SOON)
        total += len(got(town))
    print("letters", total)

def test_bounce_before_invites_then_corrected(town):
    town.start(); town.at(WELCOME)
    sent = town.engine.outbox.sent_by_id(town.now - timedelta(days=3))
    [mid] = [each for each, who in sent.items() if who == SANNE][:1]
    town.mails()
    dsn(town, mid, SANNE)
    town.tick(SOON); print("bounce", got(town))
    town.at(INVITED); print("invited", got(town))
    town.words.persons["sdv@voorbeeld.example"] = ("Sanne de Vries", f'was = ["{SANNE}"]')
    del town.words.persons[SANNE]
    town.words.pairs = (("sdv@voorbeeld.example", KARIM),)
    town.changed(); town.tick(SOON); town.tick(SOON)
    print("corrected", got(town), [h.reason for h in town.plan().held])

def test_declined_then_moved_same_tick(town):
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    propose(town, "series", SANNE, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    town.tick(SOON)
    print(got(town)); town.tick(SOON); print(got(town))

def test_pause_meetings_and_resume(town):
    town.invited()
    from beklijf.conversation import Pause
    db = town.engine.ledger
    with db.write(): db.decide("pause", KARIM, made=town.now, field="meetings 2027-01-18 2027-02-10")
    town.tick(SOON); print("pause", got(town))
    town.tick(SOON); town.tick(QUIET); print("after", got(town))
    with db.write(): db.decide("resume", KARIM, made=town.now, field="")
    town.tick(SOON); print("resume", got(town)); town.tick(QUIET); print(got(town))
    with db.write(): db.decide("pause", KARIM, made=town.now, field="meetings 2026-11-01 2026-11-20")
    town.tick(SOON); print("past pause", got(town))

def test_stale_proposals(town):
    town.invited()
    propose(town, "series", SANNE, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    reply(town, "goals", SANNE, "DECLINED")
    town.words = Deaf(); town.changed(); print("deaf", got(town))
    town.at(datetime(2027, 1, 20, 9, tzinfo=UTC)); print(len(town.mails()))
    town.words = Listening(); town.changed(); print("hears", got(town)); town.tick(SOON); print(got(town))

def test_away_weeks_old(town):
    town.invited()
    m = letter(town, SANNE, "Automatisch antwoord: x", "ik ben er niet"); m["Auto-Submitted"]="auto-replied"
    deliver(town, m)
    town.tick(SOON)
    print(town.engine.ledger.db.execute("select at, said from heard where said='away'").fetchall()[0][0])

def test_whole_series_counter_far(town):
    town.invited()
    propose(town, "series", SANNE, datetime(2090, 2, 3, 11, tzinfo=AMSTERDAM))
    town.tick(SOON); print(got(town), town.event("series").start); town.tick(SOON); print(got(town), town.event("series").start)
    propose(town, "series", SANNE, datetime(2027, 2, 3, 3, 7, tzinfo=AMSTERDAM))
    town.tick(SOON); town.tick(SOON); print(got(town), town.event("series").start)

def test_series_counter_sunday(town):
    town.invited()
    propose(town, "series", SANNE, datetime(2027, 3, 28, 2, 30, tzinfo=AMSTERDAM))
    town.tick(SOON); town.tick(SOON); print(got(town), town.event("series").start)
    propose(town, "series", SANNE, datetime(2027, 4, 1, 2, 30, tzinfo=AMSTERDAM))
    town.tick(SOON); town.tick(SOON); print(got(town), town.event("series").start)

def test_delete_and_restore(town):
    town.invited()
    old = calendar_part(town, "series", KARIM, method="REPLY", partstat="DECLINED")
    town.remove(town.row("series").href); town.tick(); town.tick(QUIET); print("deleted", got(town))
    with town.engine.ledger.write(): town.engine.ledger.decide("restore", town.row("series").ref, made=town.now)
    town.tick(); town.tick(SOON); print("restored", got(town))
    mail = letter(town, KARIM, "Declined", "")
    mail.add_alternative(old.encode(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "UTF-8"})
    deliver(town, mail); town.tick(SOON); print("old no", got(town))
    s = town.engine.surveyor.survey(town.now, None); print({k: v.reason for k, v in s.silences.items()})

def test_huge_place(town):
    town.invited()
    mail = letter(town, SANNE, "x", "")
    data = re.sub(r"RECURRENCE-ID:\w+", "RECURRENCE-ID:00010101T000000Z", calendar_part(town, "series", SANNE, method="REPLY", partstat="ACCEPTED", meeting=SECOND))
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "UTF-8"})
    deliver(town, mail); town.tick(SOON); town.tick(SOON); print(got(town))
