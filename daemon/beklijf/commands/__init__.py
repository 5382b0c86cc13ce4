"""What each command shows: reports, status, rehearsal. Only ``cli`` prints."""
