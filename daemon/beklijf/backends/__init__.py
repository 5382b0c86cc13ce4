"""The makers: each has a folder with all that speaks its language, and its line in the registry."""
