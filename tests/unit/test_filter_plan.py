"""What is done with a mailbox's scripts: the table of cases, and a person and Byname at the same mailbox by turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.filtering.marking import is_ours, marked
from admin_api.filtering.planning import Activate, Asked, Delete, Plan, Put, Seen, Step, Wanted, plan

NAME, OWN = "byname", "roundcube"
OURS, OLD = marked("keep;\n"), marked("discard;\n")
EDITED = OLD + b"stop;\r\n"
HERS = b"redirect 'x';\n"


def script(own: str | None) -> bytes:
    return OURS if own is None else marked(f"keep;\ninclude {own};\n")


def planned(
    names: tuple[str, ...],
    active: str | None,
    ours: bytes | None = None,
    *,
    own: str | None = None,
    was: bool = False,
    asked: Asked | None = None,
) -> Plan:
    return plan(Seen(names, active, ours), Wanted(NAME, script, own, was, asked))


def done(*steps: Step, own: str | None = None) -> Plan:
    return Plan(steps, "installed", own=own)


PUT, RUN, WITH_HERS = Put(NAME, OURS), Activate(NAME), Put(NAME, script(OWN))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (planned((), None), done(PUT, RUN)),
        (planned((OWN,), None), done(PUT, RUN)),  # it lies there and does not run
        (planned((NAME,), NAME, OURS, was=True), done()),
        (planned((NAME,), NAME, OURS.replace(b"\r\n", b"\n"), was=True), done()),  # the server's line ends
        (planned((NAME,), NAME, OLD, was=True), done(PUT)),
        (planned((NAME,), None, OURS), done(RUN)),  # a worker was killed between the two
        (planned((NAME,), NAME, OURS), done()),  # or before it could note it
        (planned((NAME, OWN), NAME, OLD, was=True, own=OWN), done(WITH_HERS, own=OWN)),
        (planned((NAME,), NAME, script(OWN), was=True, own=OWN), done(PUT)),  # she removed hers
        (planned((OWN,), OWN, asked="take_over"), done(WITH_HERS, RUN, own=OWN)),
        (planned((NAME, OWN), OWN, OLD, was=True, asked="take_over"), done(WITH_HERS, RUN, own=OWN)),
        (planned((NAME, OWN), NAME, OLD, was=True, own=OWN, asked="take_over"), done(WITH_HERS, own=OWN)),
        (
            planned((NAME,), NAME, EDITED, was=True, asked="take_over"),
            done(Put("byname-kept-1", EDITED), PUT),
        ),
        (
            planned((NAME, "byname-kept-1"), NAME, HERS, asked="take_over"),
            done(Put("byname-kept-2", HERS), PUT),
        ),
        (planned((NAME,), NAME, OURS, was=True, asked="give_back"), Plan((Activate(None), Delete(NAME)), "off")),
        (
            planned((NAME, OWN), NAME, OURS, was=True, own=OWN, asked="give_back"),
            Plan((Activate(OWN), Delete(NAME)), "off"),
        ),
        (planned((NAME, OWN), OWN, OURS, was=True, asked="give_back"), Plan((Delete(NAME),), "off")),
        (planned((OWN,), OWN, asked="give_back"), Plan((), "off")),
        (
            planned((NAME,), NAME, EDITED, was=True, asked="give_back"),
            Plan((Put("byname-kept-1", EDITED), Activate(None), Delete(NAME)), "off"),
        ),
    ],
)
def test_what_is_done(found: Plan, wanted: Plan) -> None:
    assert found == wanted


@pytest.mark.parametrize(
    ("found", "code", "reason"),
    [
        (
            planned((OWN,), OWN),
            "own-script-active",
            'the mailbox has a script of its own, "roundcube", which is active',
        ),
        (planned((NAME,), NAME, HERS), "name-taken", 'the mailbox has a script "byname" that Byname did not write'),
        (planned((NAME,), NAME, EDITED, was=True), "changed", 'somebody changed the script "byname" on the server'),
        (
            planned((NAME, OWN), OWN, OURS, was=True),
            "replaced",
            'somebody made the script "roundcube" active instead of "byname"',
        ),
        (
            planned((NAME,), None, OURS, was=True),
            "switched-off",
            'somebody switched off the script "byname": no script is active',
        ),
        (planned((), None, was=True), "switched-off", 'somebody removed the script "byname": no script is active'),
    ],
)
def test_what_is_left_alone(found: Plan, code: str, reason: str) -> None:
    assert (found.steps, found.state, found.code, found.reason) == ((), "foreign", code, reason)


class Mailbox:
    """A server's scripts of one mailbox, what a person wrote there, and what Byname remembers."""

    def __init__(self) -> None:
        self.scripts: dict[str, bytes] = {}
        self.active: str | None = None
        self.own: str | None = None
        self.was_installed = False

    def person(self, act: str, name: str, content: bytes) -> None:
        if act == "write":
            self.scripts[name] = content
        elif act == "remove" and name != self.active:
            self.scripts.pop(name, None)
        elif act == "activate" and name in self.scripts:
            self.active = name
        elif act == "switch off":
            self.active = None

    def byname(self, asked: Asked | None, steps: int) -> None:
        made = plan(
            Seen(tuple(self.scripts), self.active, self.scripts.get(NAME)),
            Wanted(NAME, script, self.own, self.was_installed, asked),
        )
        for step in made.steps[:steps]:
            if isinstance(step, Put):
                self.scripts[step.name] = step.content
            elif isinstance(step, Activate):
                assert step.name is None or step.name in self.scripts
                self.active = step.name
            else:
                assert step.name != self.active
                del self.scripts[step.name]
        if steps >= len(made.steps) and made.state != "foreign":
            self.was_installed, self.own = made.state == "installed", made.own


PERSON = st.tuples(
    st.sampled_from(["write", "remove", "activate", "switch off"]),
    st.sampled_from([NAME, OWN, "other", "byname-kept-1"]),
    st.sampled_from([HERS, EDITED, b""]),
)
BYNAME = st.tuples(st.sampled_from([None, "take_over", "give_back"]), st.sampled_from([0, 1, 2, 9]))


@given(st.lists(st.one_of(PERSON, BYNAME), max_size=12))
def test_nothing_of_a_person_is_lost_and_nothing_taken_without_being_asked(
    acts: list[tuple[str, str, bytes] | tuple[Asked | None, int]],
) -> None:
    mailbox = Mailbox()
    for act in acts:
        if len(act) == 3:
            mailbox.person(*act)
            continue
        asked, steps = act
        before, active = dict(mailbox.scripts), mailbox.active
        mailbox.byname(asked, steps)
        hers = [content for content in before.values() if not is_ours(content)]
        assert all(content in mailbox.scripts.values() for content in hers)
        assert all(mailbox.scripts[name] == content for name, content in before.items() if name != NAME)
        if asked is None and active is not None:
            assert mailbox.active == active
        if asked is None and not is_ours(before.get(NAME, OURS)):
            assert mailbox.scripts == before
        if steps == 9 and asked == "take_over":
            assert (mailbox.active, is_ours(mailbox.scripts[NAME])) == (NAME, True)
            assert active in {None, NAME} or mailbox.scripts[NAME] == script(active)
        if steps == 9 and asked == "give_back":
            assert (NAME in mailbox.scripts, mailbox.active == NAME) == (False, False)


def test_a_script_is_known_again_by_its_first_line() -> None:
    text = 'require "fileinto";\nkeep;\n'
    assert marked(text) == marked(text.replace("\n", "\r\n"))
    assert marked(text).endswith(b'\r\nrequire "fileinto";\r\nkeep;\r\n')
    assert is_ours(marked(text))
    assert not any(map(is_ours, [b"", text.encode(), marked(text) + b" ", b"\r\n" + marked(text), marked(text)[1:]]))
