"""Raw SMTP arguments held against what the MTA made of them, and the forms in which replies and removals go back."""

import pytest

from byname_milter.envelope import envelope_address, forms_to_remove, parameter
from byname_milter.mta import reply_arguments
from routing.address import AddressSyntaxError
from routing.replies import Reply

AGREED = [  # as typed, the MTA's reading, canonical
    ("<Sales@Brand-A.test.>", "sales@brand-a.test", "sales@brand-a.test"),
    ('<"sales"@brand-a.test>', '"sales"@brand-a.test', "sales@brand-a.test"),  # Sendmail keeps quotes
    ("<sales@brand-a.test>", None, "sales@brand-a.test"),
    ("<sales@brand-a.test>", "", "sales@brand-a.test"),
    ("<sales@brand-a.test>", "sales", "sales@brand-a.test"),  # the MTA names no domain: nothing to hold it against
    ("<postmaster>", "postmaster@brand-a.test", "postmaster@brand-a.test"),
    ("<postmaster>", None, "None"),
    ("<>", "", "None"),
    ("<x@[192.0.2.1]>", "x@[192.0.2.1]", "None"),
]
TWO_READINGS = [
    ("<brand-a.test!sales>", "sales@brand-a.test"),
    ("<sales%brand-a.test>", "sales@brand-a.test"),
    ("<sales(x)@brand-a.test>", "sales@brand-a.test"),
    ("<x@BÜCHER.test>", "x@bücher.test"),
    ("<x@brand-a.test>", "x@brand-b.test"),
]


@pytest.mark.parametrize(("typed", "seen", "canonical"), AGREED)
def test_one_reading(typed: str, seen: str | None, canonical: str) -> None:
    assert str(envelope_address(typed, seen)) == canonical


@pytest.mark.parametrize(("typed", "seen"), TWO_READINGS)
def test_two_readings_are_refused(typed: str, seen: str) -> None:
    with pytest.raises(AddressSyntaxError, match="two ways"):
        envelope_address(typed, seen)


@pytest.mark.parametrize(
    ("raw", "forms"),
    [
        ("<sales@a.test>", ("<sales@a.test>",)),
        ("sales@a.test", ("sales@a.test",)),
        ("<@r.test:sales@a.test>", ("<@r.test:sales@a.test>", "<sales@a.test>")),
    ],
)
def test_forms_to_remove(raw: str, forms: tuple[str, ...]) -> None:
    assert forms_to_remove(raw) == forms


@pytest.mark.parametrize(
    ("parameters", "value"),
    [
        (("NOTIFY=NEVER",), "NEVER"),
        (("notify=a=b",), "a=b"),
        (("ORCPT=x", "NOTIFY="), ""),
        (("NOTIFY",), None),
        ((), None),
    ],
)
def test_parameters(parameters: tuple[str, ...], value: str | None) -> None:
    assert parameter(parameters, "NOTIFY") == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("100% sure", "100%% sure"),
        ("%s%n%%", "%%s%%n%%%%"),
        ("a\r\nb\x00", "a??b?"),
        ("jöhn", "j\\xf6hn"),
        ("\udcff", "\\udcff"),
        ("x" * 600, "x" * 450),
    ],
)
def test_replies_are_one_safe_ascii_line(text: str, line: str) -> None:
    assert reply_arguments(Reply(550, "5.1.1", text)) == ("550", "5.1.1", line)
