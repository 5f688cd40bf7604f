"""Which names look alike: wired only where a setting asks, for Unicode's tables take a while to load."""

from conf.settings import Settings
from routing.lookalike import Skeleton
from routing.people import NameKey


def skeleton(settings: Settings) -> Skeleton | None:
    """Return the function that finds look-alikes, None where that check is off."""
    if settings.senders.inbound_spoof != "lookalike":
        return None
    from store.services import skeletons

    return skeletons.skeleton


def name_key(settings: Settings) -> NameKey | None:
    """Return the function that folds names of people, None where that check is off."""
    if settings.senders.colleague_names != "mark":
        return None
    from store.wire_format import people

    return people.name_key
