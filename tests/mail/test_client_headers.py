"""Headers as mail programs write them, through a real Postfix: from an own alias they leave, from others not."""

from byname.sandbox.site import PrivateSite
from tests.mail.dialogue import logged_in, submit
from tests.unit.client_headers import FOREIGN, JOHN, OWN, SHAPES
from tests.unit.from_cases import reply_to


def test_from_an_own_alias(site: PrivateSite) -> None:
    wrong = []
    with logged_in(site, JOHN) as client:
        for shape in SHAPES:
            sender, header = shape.sent_from()
            reply = submit(client, f"<{sender}>", header)
            if not reply.startswith("550 5.7.1 <" if shape.refused else "250 2.0.0 Ok: queued as "):
                wrong.append((shape.name, reply))
    assert wrong == []


def test_from_others(site: PrivateSite) -> None:
    wrong = []
    with logged_in(site, JOHN) as client:
        for address, idn in FOREIGN:
            for shape in SHAPES:
                # the envelope is his own, so that the header is looked at
                reply = submit(client, f"<{OWN}>", shape.sent_from(address, idn)[1])
                if not reply.startswith("550 5.7.1 <") or reply_to("sender-not-owned", "")[12:] not in reply:
                    wrong.append((shape.name, address, reply))
                sender = shape.sent_from(address, idn)[0]
                if sender != JOHN and not (reply := submit(client, f"<{sender}>", b"Subject: x")).startswith("553"):
                    wrong.append((shape.name, sender, reply))
    assert wrong == []
