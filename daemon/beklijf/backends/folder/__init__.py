"""Folders of files: calendars as .ics, mail as Maildir."""
