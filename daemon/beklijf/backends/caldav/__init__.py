"""Any CalDAV server (RFC 4791), with scheduling (RFC 6638) where it has it."""
