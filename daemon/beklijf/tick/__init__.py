"""One tick: what is there, what is decided, what is noted, what is done. The edge."""
