"""errors - what is raised by actions, and what is raised to programs."""
from __future__ import annotations


class Fatal(Exception):
    """Raise it to fail a job for good: another attempt would fail too.

    `raise Fatal("CardDeclined", "the bank says no")` names the type of the error; so does
    the name of a subclass.  Any other exception fails the attempt only: the step may have
    more of them.
    """

    @property
    def error_type(self) -> str:
        named = type(self) is Fatal and len(self.args) > 1
        return str(self.args[0]) if named else type(self).__name__

    def __str__(self) -> str:
        named = type(self) is Fatal and len(self.args) > 1
        return str(self.args[1]) if named else super().__str__()


class Refused(Exception):
    """The engine says no: to this worker, or to an event.  `code` is a name from
    docs/errors.md such as unauthorized, `message` is for people."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message
