"""Plans and how many aliases a mailbox may have."""

from store.errors import ServiceError

# plan: aliases per mailbox, smallest first (docs/design.md, section 9)
PLANS: dict[str, int] = {"nano": 0, "starter": 30, "pro": 50, "agency": 100}
TRIAL_LIMIT = 5  # until the first payment


def check_plan(plan: str) -> None:
    """Raise ServiceError ``invalid-request`` when there is no such plan."""
    if plan not in PLANS:
        raise ServiceError("invalid-request", f"there is no such plan; choose one of {', '.join(PLANS)}", field="plan")


def alias_limit(plan: str, *, unpaid_trial: bool) -> int:
    """Return how many aliases each mailbox may have."""
    return min(PLANS[plan], TRIAL_LIMIT) if unpaid_trial else PLANS[plan]


def next_plan(used: int) -> str | None:
    """Return the smallest plan with room for one more alias than ``used``, None when there is none."""
    return next((plan for plan, limit in PLANS.items() if limit > used), None)


def check_room(used: int, plan: str, *, unpaid_trial: bool) -> None:
    """Refuse one more alias for a mailbox that has ``used``.

    Raises:
        ServiceError: ``feature-not-available``, ``trial-limit-reached`` or ``alias-limit-reached``, with the details
            used, limit, plan and upgrade_to (a plan, or None where no plan lifts it).
    """
    limit = alias_limit(plan, unpaid_trial=unpaid_trial)
    if used < limit:
        return
    details: dict[str, object] = {"used": used, "limit": limit, "plan": plan, "upgrade_to": next_plan(used)}
    if PLANS[plan] == 0:
        raise ServiceError(
            "feature-not-available", f"the plan {plan} has no aliases", hint=_upgrade(used), details=details
        )
    if unpaid_trial:
        hint = f"the limit is {PLANS[plan]} from the first payment on"
        message = f"a mailbox of a trial account has at most {limit} aliases, and this one has {used}"
        raise ServiceError("trial-limit-reached", message, hint=hint, details=details | {"upgrade_to": None})
    message = f"a mailbox on the plan {plan} has at most {limit} aliases, and this one has {used}"
    raise ServiceError("alias-limit-reached", message, hint=_upgrade(used), details=details)


def _upgrade(used: int) -> str:
    plan = next_plan(used)
    return f"the plan {plan} allows {PLANS[plan]} for each mailbox" if plan else "delete an alias to make room"
