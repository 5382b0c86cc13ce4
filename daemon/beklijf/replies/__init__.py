"""What people answer, by mail or in a calendar, and what it means. Decides whose it is; writes what is heard."""
