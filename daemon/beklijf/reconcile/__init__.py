"""From what should be and what is to what is done about it: one tick, its decisions (pure) and its edge."""
