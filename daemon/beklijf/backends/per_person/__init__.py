"""Many calendars as one: of all who organize their own meetings, and of two systems side by side."""
