"""The queries of the sample files for Dovecot, with the variables filled in as Dovecot fills them."""

import re
from importlib.resources import files

import conf

_CONTINUED = re.compile(r"\\\n\s*")
_SETTING = re.compile(r"^(\w+) *= *(.*)$", re.MULTILINE)


def sample_query(sample: str, name: str) -> str:
    """Return a query of a file below conf/dovecot, on one line."""
    text = _CONTINUED.sub(" ", (files(conf) / "dovecot" / sample).read_text())
    settings: dict[str, str] = dict(_SETTING.findall(text))
    return settings[name]


def filled(query: str, user: str, service: str = "lmtp") -> str:
    """Return the query for a user as the service asks.

    %n stands before the first @, %d after it, %{domain_last} after the last. LMTP has cut off the detail already, as
    ``recipient_delimiter = +`` tells it to.
    """
    user = user.lower()
    local, _, domain = user.partition("@")
    values = {"%Ln": local, "%Ld": domain, "%L{domain_last}": user.rpartition("@")[2], "%s": service}
    pattern = re.compile("|".join(map(re.escape, values)))
    return pattern.sub(lambda found: values[found.group()].replace("'", "''"), query)
