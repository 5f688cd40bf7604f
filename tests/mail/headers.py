"""Reading the header of a delivered message."""


def field_values(message: bytes, name: str) -> list[str]:
    """Return the values of every field of a name, in any spelling, from the top down."""
    header = message.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace").split("\n")
    return [line.partition(":")[2].strip() for line in header if line.partition(":")[0].strip().lower() == name.lower()]


def delivered_to(message: bytes) -> list[str]:
    """Return the names that a message says it was written to."""
    return field_values(message, "Delivered-To")
