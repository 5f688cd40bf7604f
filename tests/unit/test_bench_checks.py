"""What the mta and peers benches read of a queue file, before they measure the way that made it."""

from bench.cases.mta_checks import fields, recipients

SHOWN = """\
*** ENVELOPE RECORDS hold/67E922CA073 ***
sender: ann@outside.example
original_recipient: 1sales@brand-0.test
canceled_recipient: 1sales@brand-0.test
original_recipient: person-1@company-0.test
recipient: person-1@company-0.test
*** MESSAGE CONTENTS hold/67E922CA073 ***
Delivered-To: 1sales@brand-0.test
X-Delivered-To: other@brand-0.test
delivered-to:   second@brand-0.test
"""


def test_who_is_left_in_the_envelope() -> None:
    assert recipients(SHOWN) == ["person-1@company-0.test"]


def test_fields_of_a_name_only() -> None:
    assert fields(SHOWN, "Delivered-To") == ["1sales@brand-0.test", "second@brand-0.test"]
    assert fields(SHOWN, "Subject") == []
