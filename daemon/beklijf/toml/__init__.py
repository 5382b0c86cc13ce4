"""TOML read strictly: every key known, every value checked, all problems at once and each with its line."""
