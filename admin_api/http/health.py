"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever watches over the process. No token, no names."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from admin_api.http.models import Out
from admin_api.site import ApiSite
from store.errors import StoreNotReady, StoreUnavailable

router = APIRouter(tags=["health"])


class Health(Out):
    """Whether the process works, and its backends."""

    status: str = Field(examples=["ok"])
    reasons: dict[str, str] = Field(
        description='"ok" or what is wrong, for the database, the cache, and changes on their way to it.',
        examples=[{"sql": "ok", "cache": "no-lease", "relay": "3 changes wait"}],
    )


@router.get("/healthz", response_model=Health)
def healthz() -> Response:
    """Tell that the process answers."""
    return JSONResponse({"status": "ok", "reasons": {}})


@router.get("/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not ready."}})
def readyz(request: Request) -> Response:
    """Report readiness: the API needs the database alone. The state of the rest is reported, and keeps nobody away."""
    reasons = reasons_of(request.app.state.site)
    is_ready = reasons["sql"] == "ok"
    return JSONResponse({"status": "ok" if is_ready else "unavailable", "reasons": reasons}, 200 if is_ready else 503)


def reasons_of(site: ApiSite) -> dict[str, str]:
    """Return "ok" or what is wrong, for the database (``sql``), and where there is one for the cache and its relay."""
    reasons = dict(site.health())
    if "cache" in reasons:
        reasons["relay"] = _relay(site)
    return reasons


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
def metrics(request: Request) -> Response:
    """Return the metrics of this process for Prometheus."""
    site: ApiSite = request.app.state.site
    return Response(generate_latest(site.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _relay(site: ApiSite) -> str:
    try:
        waiting = site.waiting()
    except (StoreUnavailable, StoreNotReady) as error:
        return str(error)
    return f"{waiting} changes wait" if waiting else "ok"
