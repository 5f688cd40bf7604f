"""What can go wrong between us and a ManageSieve server, by what follows from it."""


class ManageSieveError(Exception):
    """It did not work; the message is for people, without passwords."""


class ServerUnreachable(ManageSieveError):
    """No session could begin: connection, certificate, greeting. It concerns every mailbox, and may pass."""


class NoAnswer(ManageSieveError):
    """The session broke: no answer in time, an answer that is none, or one that says "later". It may pass."""


class LoginRefused(ManageSieveError):
    """The server does not let the master user in for this mailbox."""


class CommandRefused(ManageSieveError):
    """The server said NO; the message is its own."""

    def __init__(self, code: str, line: str) -> None:
        super().__init__(line)
        self.code = code  # of the response, such as QUOTA/MAXSIZE; empty without one
