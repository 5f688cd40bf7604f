"""What the rig raises."""


class RigError(RuntimeError):
    """A part of the rig did not start, stop or answer; the message holds the end of its log."""


class RigTimeout(RigError):
    """What was waited for did not happen in time."""
