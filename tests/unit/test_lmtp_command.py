"""MAIL and RCPT as typed: what is read, what is refused, and that nothing else can happen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edges.lmtp.command import CommandRefused, Path, mail_argument, rcpt_argument, split

GOOD = [
    (mail_argument, "FROM:<>", "<>", {}),
    (mail_argument, "from: <a@b.test>", "<a@b.test>", {}),
    (mail_argument, "FROM:<a@b.test> SIZE=5 body=8bitmime SMTPUTF8", "<a@b.test>",
     {"SIZE": "5", "BODY": "8bitmime", "SMTPUTF8": ""}),
    (mail_argument, "FROM:<a@b.test> RET=HDRS ENVID=a+2Bb", "<a@b.test>", {"RET": "HDRS", "ENVID": "a+2Bb"}),
    (mail_argument, 'FROM:<"a> b\\""@b.test>', '<"a> b\\""@b.test>', {}),
    (mail_argument, "FROM:<ü@b.test>", "<ü@b.test>", {}),
    (rcpt_argument, "TO:<@r.test:a@b.test>", "<@r.test:a@b.test>", {}),
    (rcpt_argument, "TO:<a@b.test>  NOTIFY=SUCCESS,failure,DELAY ORCPT=rfc822;a+2Bx@b.test", "<a@b.test>",
     {"NOTIFY": "SUCCESS,failure,DELAY", "ORCPT": "rfc822;a+2Bx@b.test"}),
    (rcpt_argument, "TO:<a@b.test> NOTIFY=NEVER", "<a@b.test>", {"NOTIFY": "NEVER"}),
    (rcpt_argument, "TO:<a@b.test> ORCPT=utf-8;ü@b.test", "<a@b.test>", {"ORCPT": "utf-8;ü@b.test"}),
]  # fmt: skip
BAD = [
    (mail_argument, "", "501 5.5.4 Syntax: FROM:<address>"),
    (mail_argument, "FROM:a@b.test", "501 5.5.4 Syntax: FROM:<address>"),
    (mail_argument, "TO:<a@b.test>", "501 5.5.4 Syntax: FROM:<address>"),
    (mail_argument, 'FROM:<"a@b.test>', "501 5.5.4 Syntax: FROM:<address>"),
    (mail_argument, "FROM:<a@b.test>SIZE=5", "501 5.5.4 Syntax: FROM:<address>"),
    (mail_argument, "FROM:<a\0@b.test>", "501 5.5.4 Control character in the command"),
    (mail_argument, "FROM:<a@b.test> SIZE=x", "501 5.5.4 Bad value of SIZE"),
    (mail_argument, "FROM:<a@b.test> SIZE", "501 5.5.4 Bad value of SIZE"),
    (mail_argument, "FROM:<a@b.test> SMTPUTF8=1", "501 5.5.4 Bad value of SMTPUTF8"),
    (mail_argument, "FROM:<a@b.test> BODY=BINARYMIME", "501 5.5.4 Bad value of BODY"),
    (mail_argument, "FROM:<a@b.test> SIZE=1 SIZE=2", "501 5.5.4 SIZE is given twice"),
    (mail_argument, "FROM:<a@b.test> NOTIFY=NEVER", "555 5.5.4 Unsupported parameter"),
    (rcpt_argument, "TO:<a@b.test> SIZE=1", "555 5.5.4 Unsupported parameter"),
    (rcpt_argument, "TO:<a@b.test> =", "555 5.5.4 Unsupported parameter"),
    (rcpt_argument, "TO:<a@b.test> NOTIFY=NEVER,DELAY", "501 5.5.4 Bad value of NOTIFY"),
    (rcpt_argument, "TO:<a@b.test> ORCPT=a@b.test", "501 5.5.4 Bad value of ORCPT"),
]


@pytest.mark.parametrize(("read", "argument", "raw", "parameters"), GOOD)
def test_good(read, argument: str, raw: str, parameters: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    assert read(argument) == Path(raw, parameters)


@pytest.mark.parametrize(("read", "argument", "reply"), BAD)
def test_bad(read, argument: str, reply: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CommandRefused) as refused:
        read(argument)
    assert str(refused.value.reply) == reply


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        (b"mail FROM:<>", "MAIL", "FROM:<>"),
        (b" NOOP  x ", "NOOP", "x"),
        (b"", "", ""),
        (b"\xff", "\udcff", ""),
    ],
)
def test_split(line: bytes, verb: str, argument: str) -> None:
    assert split(line) == (verb, argument)


WORDS = st.sampled_from(
    [
        "FROM:",
        "TO:",
        "<",
        ">",
        '"',
        "\\",
        "@",
        "a@b.test",
        " ",
        "SIZE=",
        "NOTIFY=",
        "ORCPT=rfc822;",
        "+2B",
        "=",
        "ü",
        "\0",
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS).map("".join), st.binary().map(lambda raw: split(raw)[1])))
def test_whatever_comes_is_read_or_refused_with_a_reply(argument: str) -> None:
    for read in (mail_argument, rcpt_argument):
        try:
            assert read(argument).raw.startswith("<")
        except CommandRefused as refused:
            assert refused.reply.code in {501, 555}
