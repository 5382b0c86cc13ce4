"""Moving all events into another calendar: looked at, said, done."""
