"""Mail by the standards: SMTP out, IMAP in."""
