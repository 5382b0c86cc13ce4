"""Judges: whether a message on the wire is one that its maker's own description allows.

Fakes ask them about every request they get and every response they give, so that a fake isn't only our own reading.
They know no state and no business rule: an event that doesn't exist, a time in the past and a missing right are the fake's affair.
"""

from __future__ import annotations


class Illegal(AssertionError):
    """A message that its maker's description doesn't allow; says where in it, and what is wrong."""

    def __init__(self, where: str, wrong: str) -> None:
        super().__init__(f"{where}: {wrong}")
        self.where = where
        self.wrong = wrong
