"""What the rig raises."""


class SandboxError(RuntimeError):
    """A part of the rig did not start, stop or answer; the message holds the end of its log."""


class SandboxTimeout(SandboxError):
    """What was waited for did not happen in time."""
