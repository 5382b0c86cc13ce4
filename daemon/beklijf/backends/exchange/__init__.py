"""Exchange Server on premises, by Exchange Web Services."""
