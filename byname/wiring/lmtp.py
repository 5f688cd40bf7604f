"""What the LMTP edge decides and delivers with."""

from byname.wiring import needed, policy, trace_key
from conf.settings import Settings
from edges.lmtp.delivery import LmtpSite
from edges.lmtp.pool import Pool
from routing.directory import Directory
from store.counting.tally import Tally


def lmtp_site(settings: Settings, known: Directory, counts: Tally | None = None) -> LmtpSite:
    """Return what the LMTP edge decides and delivers with.

    Raises:
        ConfigError: ``lmtp.backend`` is missing, or a key that shapes decisions is wrong.
    """
    store = Pool(needed(settings, "lmtp.backend"))
    return LmtpSite(known, policy(settings), store, trace_key(settings), counts=counts)
