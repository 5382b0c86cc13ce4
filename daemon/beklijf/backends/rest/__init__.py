"""What makers with a REST service behind a bearer token share: HTTP, tokens, news of folders that the server counts."""
