"""An Exchange server on loopback that speaks Exchange Web Services: a front-end on one `tests.fakes.company`.

It judges each request it gets and each response it gives by Microsoft's own schema, counts them, and has bad moods on demand.
Basic authentication only: NTLM needs a domain controller's secrets to be more than theatre.
"""
