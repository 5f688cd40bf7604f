"""Checks of the store, the cache in front of it, and what is known of domains. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from byname.doctor.facts import CacheFact, DoesNotApply, DomainFact, Facts, known
from byname.doctor.findings import Check, Fault, Severity, Symptom

_LAG = 10.0  # seconds for which a change may wait for the cache
_CLOCK = 2.0  # seconds between two clocks: DNS proofs, sessions and traces go by whole ones
_LATE = 3  # so many times the hours between two checks of a domain


def _database(facts: Facts) -> Iterator[Fault]:
    database = known(facts.database)
    if database.problem is not None and not database.is_behind:
        yield Fault(Severity.ERROR, database.problem, "systemctl status postgresql, or look at [store] url")


def _revision(facts: Facts) -> Iterator[Fault]:
    database = known(facts.database)
    if database.problem is not None and database.is_behind:
        yield Fault(Severity.ERROR, database.problem, "runuser -u byname -- byname db upgrade")


def _names(facts: Facts) -> Iterator[Fault]:
    if known(facts.database).problem is not None:
        raise DoesNotApply
    if not known(facts.domains):
        yield Fault(Severity.NOTICE, "no domain is hosted yet", "byname domain add NAME --account NAME --verified")


def _cache(facts: Facts) -> Iterator[Fault]:
    problem = known(facts.cache).problem
    if problem is not None:
        yield Fault(Severity.WARNING, problem, "systemctl status redis-server, or look at [cache] url")


def _lease(facts: Facts) -> Iterator[Fault]:
    cache = _answering(facts)
    if cache.lease is None:
        built = "" if cache.is_built else ", which was emptied or never built"
        yield Fault(Severity.WARNING, f"nobody vouches for the cache{built}", "systemctl restart byname-relay")


def _lag(facts: Facts) -> Iterator[Fault]:
    cache = _answering(facts)
    if cache.oldest_waiting is not None and cache.oldest_waiting > _LAG:
        yield Fault(
            Severity.WARNING,
            f"{cache.waiting} changes wait for the cache, the oldest since {cache.oldest_waiting:.0f} s",
            "systemctl restart byname-relay; journalctl -u byname-relay",
        )


def _policy(facts: Facts) -> Iterator[Fault]:
    policy = _answering(facts).policy
    if policy != "noeviction":
        yield Fault(
            Severity.WARNING,
            f"Redis's maxmemory-policy is {policy or 'unknown'}",
            "redis-cli config set maxmemory-policy noeviction, and the same in redis.conf",
        )


def _differs(facts: Facts) -> Iterator[Fault]:
    cache = _answering(facts)
    if cache.different:
        yield Fault(
            Severity.ERROR,
            f"the cache and the store differ about {', '.join(cache.different[:3])} ({len(cache.different)} of "
            f"{cache.compared} names looked up)",
            "byname cache verify, then byname cache rebuild",
        )


def _map_files(facts: Facts) -> Iterator[Fault]:
    for one in known(facts.map_files):
        if not one.in_step:
            yield Fault(
                Severity.WARNING,
                f"{one.name} is out of step with the store: {one.problem or 'nobody keeps it'}",
                "systemctl restart byname-maps there; if nobody reads that file any more: byname map-file forget NAME",
            )


def _no_map_file(facts: Facts) -> Iterator[Fault]:
    export = facts.settings.maps.export
    if export is None:
        return
    path = export.partition(":")[2]
    if not any(one.name.partition(":")[2] == path for one in known(facts.map_files)):
        yield Fault(Severity.ERROR, f"nobody keeps {export}", "systemctl restart byname-maps; byname map-file list")


def _clock(facts: Facts) -> Iterator[Fault]:
    for one in facts.clocks:
        if abs(one.ahead) > _CLOCK:
            way = "ahead of" if one.ahead > 0 else "behind"
            yield Fault(
                Severity.WARNING,
                f"the clock of {one.of} is {abs(one.ahead):.0f} s {way} ours",
                "timedatectl set-ntp true, on both machines",
            )


def _proof(facts: Facts) -> Iterator[Fault]:
    for one in known(facts.domains):
        if one.proof_lapsed:
            yield Fault(Severity.WARNING, f"{one.name}: the proof has lapsed", f"byname domain check {one.name}")
        elif one.missing_since is not None:
            yield Fault(Severity.NOTICE, f"{one.name}: the proof is missing", f"byname domain check {one.name}")


def _records(facts: Facts) -> Iterator[Fault]:
    for one in known(facts.domains):
        if one.wrong_records:
            what = ", ".join(one.wrong_records)
            yield Fault(Severity.NOTICE, f"{one.name}: not as it should be: {what}", f"byname domain check {one.name}")


def _timer(facts: Facts) -> Iterator[Fault]:
    oldest = facts.now - _LATE * timedelta(hours=facts.settings.dns.recheck_hours)
    late = [one.name for one in known(facts.domains) if _checked(one, facts) < oldest]
    if late:
        yield Fault(
            Severity.NOTICE,
            f"{len(late)} domains were not looked at in the DNS for long, {late[0]} among them",
            "systemctl enable --now byname-domains.timer",
        )


def _answering(facts: Facts) -> CacheFact:
    cache = known(facts.cache)
    if cache.problem is not None:
        raise DoesNotApply
    return cache


def _checked(domain: DomainFact, facts: Facts) -> datetime:
    """Return when it was last looked at; one by the operator's word alone needs no look."""
    return domain.last_checked_at or facts.now


STORE_CHECKS = (
    Check(
        "database",
        (Symptom.DEFERRED, Symptom.DASHBOARD),
        "Accounts, names and passwords are there. Without it only what the cache affirms is answered, else 451.",
        _database,
    ),
    Check(
        "database-revision",
        (Symptom.STARTING, Symptom.DEFERRED),
        "The daemons work with the tables of their own version only, and do not start over others.",
        _revision,
    ),
    Check(
        "no-domains",
        (Symptom.RELAY,),
        "Postfix refuses mail to domains that Byname does not host, or whose proof it has not seen yet.",
        _names,
    ),
    Check(
        "cache",
        (Symptom.DEFERRED, Symptom.NOT_LIVE),
        "Without Redis every look-up goes to the database, and while that is away too the answer is 451.",
        _cache,
    ),
    Check(
        "cache-lease",
        (Symptom.NOT_LIVE, Symptom.DEFERRED),
        "The relay vouches for the cache every few seconds. Without it every look-up goes to the database.",
        _lease,
    ),
    Check(
        "cache-lag",
        (Symptom.NOT_LIVE,),
        "Changes are in the store and the relay does not bring them to the cache, from which the milters answer.",
        _lag,
    ),
    Check(
        "cache-policy",
        (Symptom.DEFERRED,),
        "When memory is short Redis would drop names to make room; it must say so by an error.",
        _policy,
    ),
    Check(
        "cache-differs",
        (Symptom.NOT_LIVE, Symptom.REFUSED),
        "The milters answer from the cache, and that says something else than the store.",
        _differs,
    ),
    Check(
        "map-file",
        (Symptom.NOT_LIVE, Symptom.RELAY),
        "Postfix reads hosted domains from a file. A domain that the file lacks is refused for good.",
        _map_files,
    ),
    Check(
        "map-file-unkept",
        (Symptom.RELAY, Symptom.NOT_LIVE),
        "[maps] export is set, and no daemon has written the file yet; Postfix would not find it.",
        _no_map_file,
    ),
    Check(
        "clock",
        (Symptom.NOT_LIVE, Symptom.DASHBOARD),
        "Sessions, codes of a second factor and hand-overs go by the clock; where two differ they end too early.",
        _clock,
    ),
    Check(
        "domain-proof",
        (Symptom.DOMAIN,),
        "The record that proves the domain is gone from the DNS. Mail goes on; once it has lapsed, no new names.",
        _proof,
    ),
    Check(
        "domain-records",
        (Symptom.DOMAIN,),
        "The last look at the DNS found records (MX, SPF, DKIM, DMARC) missing or pointing elsewhere.",
        _records,
    ),
    Check(
        "domain-checks",
        (Symptom.DOMAIN,),
        "New domains become active, and lost proofs are noticed, only when somebody looks.",
        _timer,
    ),
)
