"""iCalendar (RFC 5545), iTIP (RFC 5546) and time zones: bytes and texts in, values out. Pure."""
