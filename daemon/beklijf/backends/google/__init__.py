"""Google Workspace, by the Calendar API v3."""
