"""Exchange Online, through Microsoft Graph v1.0."""
