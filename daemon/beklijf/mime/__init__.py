"""Mails as they go over the wire: made, and taken apart. Pure."""
