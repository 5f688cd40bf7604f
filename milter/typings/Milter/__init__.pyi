"""The part of pymilter 1.0.5 that Byname uses: its C module, which the package ``Milter`` shows under its own name."""

from collections.abc import Callable

CONTINUE: int
REJECT: int
TEMPFAIL: int
ACCEPT: int
NOREPLY: int
SKIP: int

ADDHDRS: int
CHGHDRS: int
ADDRCPT: int
ADDRCPT_PAR: int
DELRCPT: int
SETSYMLIST: int

P_NOCONNECT: int
P_NOHELO: int
P_NOMAIL: int
P_NORCPT: int
P_NODATA: int
P_NOHDRS: int
P_NOEOH: int
P_NOBODY: int
P_SKIP: int
P_NOUNKNOWN: int
P_NR_HDR: int
P_HDR_LEADSPC: int

M_ENVFROM: int
M_ENVRCPT: int
M_EOM: int
M_EOH: int

class error(Exception): ...  # noqa: N801

def set_connect_callback(callback: Callable[..., int]) -> None: ...
def set_envfrom_callback(callback: Callable[..., int]) -> None: ...
def set_envrcpt_callback(callback: Callable[..., int]) -> None: ...
def set_header_callback(callback: Callable[..., int]) -> None: ...
def set_eoh_callback(callback: Callable[..., int]) -> None: ...
def set_body_callback(callback: Callable[..., int]) -> None: ...
def set_eom_callback(callback: Callable[..., int]) -> None: ...
def set_abort_callback(callback: Callable[..., int]) -> None: ...
def set_close_callback(callback: Callable[..., int]) -> None: ...
def set_exception_policy(policy: int) -> None: ...
def set_flags(flags: int) -> None: ...
def setconn(socket: str) -> None: ...
def register(name: str, *, negotiate: Callable[..., int]) -> None: ...
def opensocket(rmsock: bool) -> None: ...
def main() -> None: ...
def stop() -> None: ...
