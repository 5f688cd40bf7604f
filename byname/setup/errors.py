"""Why ``byname setup`` leaves Postfix as it is."""


class SetupRefused(Exception):
    """Nothing was changed. ``code`` is a slug for scripts, ``hint`` what to do."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
