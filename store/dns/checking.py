"""A DNS check of a domain: queries for all its records, and the judgement of each."""

from dataclasses import dataclass

from store.dns.proof import Sighting
from store.dns.records import CheckedRecord, Expected, judge, requirements, sighting
from store.dns.resolvers import Resolvers


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check. The first record is the proof of ownership."""

    records: tuple[CheckedRecord, ...]
    sighting: Sighting
    nameservers: tuple[str, ...]


def check(domain: str, token: str, expected: Expected, resolvers: Resolvers) -> Report:
    """Ask every nameserver for every record that ``domain`` should have. Raises nothing; takes seconds at worst."""
    wanted = requirements(domain, token, expected)
    survey = resolvers.survey(requirement.question for requirement in wanted)
    answers = [{str(who): answer for who, answer in survey[one.question].items()} for one in wanted]
    records = tuple(judge(one, answer) for one, answer in zip(wanted, answers, strict=True))
    return Report(records, sighting(wanted[0], answers[0]), tuple(map(str, resolvers.servers)))
