"""What ``byname demo --many`` says of its mail, and its picture."""

import pytest
from rich.console import Console

from byname.demo.many.deaths import DEATHS
from byname.demo.many.picture import PARTS, Picture
from byname.demo.many.traffic import Mail, Sums, Traffic
from byname.demo.world import JOHN, MARY, OLD_SHOP, SALES
from byname.sandbox.topology import NO_SINGLE_POINT


def sums_of(*mails: Mail, at_the_end: bool = False) -> Sums:
    traffic = Traffic({})
    traffic.mails = {mail.id: mail for mail in mails}
    return traffic.sums(at_the_end=at_the_end)


def test_mail_that_went_as_it_must() -> None:
    found = sums_of(Mail("1", SALES, 250, [JOHN]), Mail("2", OLD_SHOP, 550), Mail("3", SALES, 451))
    assert (found.sent, found.delivered, found.refused, found.waiting) == (3, 1, 1, 1)
    assert found.is_clean


@pytest.mark.parametrize(
    ("mail", "wrong"),
    [
        (Mail("1", SALES, 250), "lost"),
        (Mail("1", SALES, 451), "lost"),
        (Mail("1", SALES, 0), "lost"),
        (Mail("1", SALES, 550), "wrongly_refused"),
        (Mail("1", SALES, 250, [MARY]), "misdelivered"),
        (Mail("1", SALES, 250, [JOHN, MARY]), "misdelivered"),
        (Mail("1", OLD_SHOP, 250, [JOHN]), "misdelivered"),
    ],
)
def test_mail_that_did_not(mail: Mail, wrong: str) -> None:
    found = sums_of(mail, at_the_end=True)
    assert getattr(found, wrong) == 1
    assert not found.is_clean


def test_the_picture() -> None:
    assert PARTS.keys() == NO_SINGLE_POINT.addresses.keys()
    sums, console = sums_of(Mail("1", SALES, 250, [JOHN])), Console(width=120)
    picture = Picture(down=("relay-db1",), now=DEATHS[0].what)
    picture.tick(sums)
    with console.capture() as shown:
        console.print(picture.drawn(sums))
    assert [line.count("✖") for line in shown.get().splitlines()[:5]] == [1, 0, 0, 0, 0]
    assert "✖ relay" in shown.get()
    assert "1 delivered" in shown.get()
    assert DEATHS[0].what in shown.get()
