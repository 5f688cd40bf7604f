"""What the sandbox raises."""


class SandboxError(RuntimeError):
    """A part of the sandbox did not start, stop or answer; the message holds the end of its log."""


class SandboxTimeout(SandboxError):
    """What was waited for did not happen in time."""
