"""docs/scaling.md and its picture: the cost model over a run of the benches, and what comes of it for three sizes.

``python -m bench.report.scaling RESULT...`` takes files that ``make bench`` wrote, keeps the figures that the model
needs in ``bench/capacity.json``, and writes page and picture; without a file it writes them from the figures it kept.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.capacity import FIGURES, Costs, Need, Plan, bottleneck, cache_bytes, mail_servers, needs
from bench.report.figures import number, read_json
from bench.report.picture import Bar, Chart, drawn

DOCS = Path(__file__).parents[2] / "docs"
KEPT = Path(__file__).parents[1] / "capacity.json"
_TEMPLATE = Path(__file__).with_name("scaling.md.template")
_MORE = (  # figures that the page tells beside those of the model
    "api.postgresql_creates_per_s",
    "api.sqlite_creates_per_s",
    "api.sqlite_create_cpu_us",
    "api.postgresql_bulk_items_per_s",
    "api.sqlite_bulk_items_per_s",
    "relay.postgresql_changes_per_s",
    "relay.postgresql_lag_p50_ms",
    "relay.postgresql_lag_p99_ms",
    "relay.postgresql_idle_relay_cpu_ms_per_s",
)
_MACHINE = {
    "at": "begun",
    "cpu": "CPU",
    "cores": "cores",
    "load": "load before it began",
    "python": "Python",
    "postgresql": "PostgreSQL",
    "redis": "Redis",
}
_GOAL_CREATES = 1000

PLAN = Plan(
    aliases=100_000_000,
    mailboxes=10_000_000,
    domains=1_000_000,
    messages_per_s=10_000,
    changes_per_s=2_000,
    creates_per_s=200,
    load=0.6,
    cores_of_mail_server=8,
    cores_of_database=16,
    link_bits_per_s=1e9,
)
_SMALLER = {"a hundredth": 100, "a tenth": 10, "all of it": 1}


def parted(plan: Plan, by: int) -> Plan:
    """Return a plan for so small a part of the site, on the same machines."""
    return Plan(
        aliases=plan.aliases // by,
        mailboxes=plan.mailboxes // by,
        domains=plan.domains // by,
        messages_per_s=plan.messages_per_s / by,
        changes_per_s=plan.changes_per_s / by,
        creates_per_s=plan.creates_per_s / by,
        load=plan.load,
        cores_of_mail_server=plan.cores_of_mail_server,
        cores_of_database=plan.cores_of_database,
        link_bits_per_s=plan.link_bits_per_s,
    )


def page(figures: Mapping[str, float], machine: Mapping[str, object]) -> str:
    """Return the text of docs/scaling.md."""
    costs = Costs.of(figures)
    found = needs(PLAN, costs)
    first = bottleneck(found)
    name, domain = costs.memory
    both = costs.create_api_us + costs.create_database_us
    return _TEMPLATE.read_text().format(
        machine=_machine(machine),
        costs=_costs(figures),
        needs=_needs(found),
        sizes=_sizes(costs),
        first=first.what,
        first_reckoned=first.reckoned,
        first_share=f"{first.share:.0%}",
        first_growth=number(1 / (first.share or 1)),
        second=_next(found, first),
        name=number(name),
        domain=number(domain),
        plan=PLAN,
        creates_both=f"{both:,.0f}",
        creates_most=f"{2e6 / both:,.0f}",
        creates_cores=number(_GOAL_CREATES * both / 1e6 / PLAN.load),
        turn_most=f"{1e6 / costs.turn_us:,.0f}",
        turn=f"{costs.turn_us:,.0f}",
        create_api=number(costs.create_api_us),
        change_relay=number(costs.change_relay_us),
        relay_most=number(costs.relay_per_s),
        filter_more=number(costs.sql_filter_us / costs.filter_us),
        minutes=number(PLAN.aliases / costs.rebuild_per_s / 60),
        gib=number(cache_bytes(PLAN, costs) / 2**30),
        **{figure.replace(".", "_"): number(figures[figure]) for figure in _MORE},
    )


def picture(figures: Mapping[str, float]) -> str:
    """Return the picture: how full each thing is that there is one of."""
    shares = [need for need in needs(PLAN, Costs.of(figures)) if need.share is not None]
    bars = [Bar(need.what, {"in use": 100 * (need.share or 0.0)}) for need in shares]
    return drawn([Chart("What there is one of, at 100 million aliases and 10,000 messages a second", "% in use", bars)])


def _machine(machine: Mapping[str, object]) -> str:
    rows = [f"| {label} | {machine[key]} |" for key, label in _MACHINE.items() if machine.get(key)]
    return "\n".join(["| what | here |", "|---|---|", *rows])


def _costs(figures: Mapping[str, float]) -> str:
    rows = [f"| {_MEANING[field]} | {number(figures[name])} | `{name}` |" for field, name in FIGURES.items()]
    return "\n".join(["| cost | here | figure |", "|---|---:|---|", *rows])


def _needs(found: Sequence[Need]) -> str:
    rows = [
        f"| {need.what} | {need.reckoned} | {number(need.amount)} {need.unit} |"
        f" {'' if need.share is None else f'{need.share:.0%}'} |"
        for need in found
    ]
    return "\n".join(["| what | of what | needed | of what there can be |", "|---|---|---:|---:|", *rows])


def _sizes(costs: Costs) -> str:
    rows = []
    for label, by in _SMALLER.items():
        plan = parted(PLAN, by)
        first = bottleneck(needs(plan, costs))
        rows.append(
            f"| {label} | {plan.aliases:,} | {plan.messages_per_s:,.0f} | {mail_servers(plan, costs)} |"
            f" {number(cache_bytes(plan, costs) / 2**30)} GiB | {number(plan.aliases / costs.rebuild_per_s / 60)} min |"
            f" {first.what}, {first.share:.0%} |"
        )
    head = "| part | aliases | messages/s | mail servers | a Redis holds | built anew in | fullest |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|---|", *rows])


def _next(found: Sequence[Need], first: Need) -> str:
    others = sorted((need for need in found if need.share is not None and need is not first), key=_share, reverse=True)
    return ", ".join(f"{need.what} ({need.share:.0%})" for need in others[:2])


def _share(need: Need) -> float:
    return need.share or 0.0


_MEANING = {
    "message_us": "CPU time of a mail server for a message, µs: Postfix, filter, Redis",
    "redis_us": "Redis's part of it, µs",
    "filter_us": "the filter alone, over Redis, µs",
    "sql_filter_us": "the filter alone, for a message whose names are asked of PostgreSQL, µs",
    "sql_server_us": "PostgreSQL for that message, µs",
    "change_relay_us": "the relay for a change at 2,000 a second over 50,000 domains, µs",
    "change_redis_us": "Redis for that change, µs",
    "relay_per_s": "changes that the relay applies in a second after it was held up",
    "create_api_us": "the API for an alias made by itself, eight clients at once, µs",
    "create_database_us": "PostgreSQL for it, µs",
    "bulk_item_us": "the API for one of a thousand aliases in a call, µs",
    "turn_us": "a change on the clock's row, from its tick to the end of its commit, µs on the clock",
    "rebuild_per_s": "aliases a second from PostgreSQL into an empty Redis",
    "bytes_per_alias": "bytes of Redis for an alias, 500 in a domain",
    "bytes_per_name": "bytes of Redis for a name, five in a domain",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write page and picture as the command line says."""
    reader = argparse.ArgumentParser(prog="python -m bench.report.scaling", description=__doc__)
    reader.add_argument("results", nargs="*", type=Path, help="files that make bench wrote; the later ones count")
    options = reader.parse_args(arguments)
    if options.results:
        _keep(options.results)
    kept = json.loads(KEPT.read_text())
    (DOCS / "scaling.md").write_text(page(kept["figures"], kept["machine"]))
    (DOCS / "scaling.svg").write_text(picture(kept["figures"]))


def _keep(results: Sequence[Path]) -> None:
    figures: dict[str, float] = {}
    machine: Mapping[str, object] = {}
    for result in results:
        found, machine = read_json(result)
        figures |= {one.name: one.value for one in found}
    wanted = sorted({*FIGURES.values(), *_MORE})
    text = {"machine": machine, "figures": {name: figures[name] for name in wanted}}
    KEPT.write_text(json.dumps(text, indent=2) + "\n")


if __name__ == "__main__":
    main()
