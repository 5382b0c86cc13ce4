"""A whole track in seconds: the same engine on a virtual clock, with folders and people who do what a script says."""
