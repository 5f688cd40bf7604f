"""The texts of the OpenAPI description that belong to no single route."""

from typing import Any

from admin_api.http.bodies import LARGEST_BODY
from admin_api.http.paging import LARGEST_PAGE, MOST
from admin_api.site import ApiSite
from store.unit_of_work.concurrency_limit import BULK_CALLS, IMPORTS

TITLE = "Byname"
SUMMARY = "Many names for one mailbox: accounts, domains, mailboxes and aliases."

_TEXT = f"""
**Tokens.** `Authorization: Bearer TOKEN`. A token belongs to an account, to one mailbox, or to the operator, who may
act on every account and narrows a request to one with `X-Byname-Account: ID`. Another account's object is 404, the
same as one that does not exist. Scopes: `mailboxes:read` and `mailboxes:write` imply the same on aliases and rules, and
a `write` implies its `read`. The tokens of a suspended account may read, and change nothing (403).

**Limits.** Each token has {{rate}} requests a second, and {{burst}} at once; beyond that 429 with `Retry-After`.
A body has at most {LARGEST_BODY:,} bytes (an import more), a list at most {MOST} objects on a page and {LARGEST_PAGE:,}
pages. An account may have {IMPORTS} imports and {BULK_CALLS} bulk calls under way at a time.

**Answers.** `{{{{"data": ...}}}}`; a list adds `meta` with `page`, `per_page` and `total`. Errors are problem documents
(RFC 9457) with a stable `code`. A `pointer` in `errors` is a JSON pointer into the body, or begins with `/path`,
`/query` or `/header`. `X-Request-Id` is echoed, or made.

**Repeating.** With an `Idempotency-Key` a change may be repeated for 24 hours: the repeat gets the first answer,
without secrets and with `Idempotency-Replayed: true`. The same key with another request is 422.

**At once effective.** A change is answered when the mail servers act by it, at most a second later, and
`Byname-Propagation` says `live`, else `pending`. Without a cache every committed change is live. A replayed answer
does not carry it.
"""


def text(site: ApiSite) -> str:
    """Return the description, with the limits of this site."""
    return _TEXT.strip().format(rate=site.rate_limit.rate, burst=site.rate_limit.burst)


TAGS: list[dict[str, Any]] = [
    {"name": "account", "description": "The token and its account."},
    {"name": "accounts (operators)", "description": "All accounts, for operators."},
    {"name": "domains", "description": "Domains and where their unclaimed mail goes."},
    {"name": "mailboxes", "description": "Where mail arrives; who logs in."},
    {"name": "aliases", "description": "Further names of a mailbox."},
    {"name": "rules", "description": "How a mailbox sorts its mail."},
    {"name": "messages", "description": "What programs that send mail ask."},
    {"name": "explain", "description": "What happens to a mail, and why."},
    {"name": "audit log", "description": "Who changed what."},
    {"name": "tokens", "description": "Access to this API."},
    {"name": "health", "description": "For whoever watches over the process."},
]
