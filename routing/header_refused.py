"""Why an author field is refused: one table of reasons, as the sender reads them."""

REASONS: dict[str, str] = {
    "no-from": "the message has no From field",
    "several-from": "the message has more than one From field",
    "several-sender": "the message has more than one Sender field",
    "too-many-author-fields": "the message has too many fields that name an author",
    "malformed-field-name": "the name of an author field is malformed",
    "hidden-field": "a line break inside a field hides an author field",
    "empty": "the field is empty",
    "too-long": "the field is longer than 4096 bytes",
    "line-too-long": "a line of the field is longer than 984 bytes",
    "not-utf8": "the field is not valid UTF-8",
    "control-character": "the field holds a control character",
    "bidi-character": "the name holds a character that turns the writing direction",
    "list": "the field holds more than one address",
    "group": "the field holds a group",
    "route": "the address has a source route",
    "no-address": "the field holds no address",
    "at-in-phrase": "the name holds an unquoted @",
    "text-after-address": "text follows the address",
    "unclosed-comment": "a comment does not close",
    "unclosed-quote": "a quote does not close",
    "unclosed-angle": "angle brackets do not match",
    "stray-backslash": "a backslash stands outside quotes",
    "bad-character": "the field holds a character that is not allowed there",
    "encoded-word-in-address": "the address holds an encoded word",
    "quoted-local-part": "the address is quoted",
    "comment-in-address": "the address holds a comment",
    "bad-local-part": "the part before the @ is not allowed in a header",
    "address-too-long": "the address is longer than mail allows",
    "domain-literal": "the address ends in a domain literal",
    "trailing-dot": "the address ends in a dot",
    "bad-domain": "what follows the @ is not a domain name",
    "too-many-at-signs": "the name holds too many @",
    "malformed-encoded-word": "the name holds a malformed encoded word",
    "unknown-charset": "the name is encoded in an unknown character set",
    "nested-encoded-word": "the name holds an encoded word inside another",
    "display-name-address": "the name shows an address that is not yours",
}


class HeaderRefused(ValueError):
    """An author field that no message may leave with; ``reason`` is a key of :data:`REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason
