"""A database URL as parameters of libpq (PostgreSQL manual, "Parameter Key Words"), for what does not connect through
SQLAlchemy: PostgreSQL's programs, and a listener.
"""

from collections.abc import Mapping

from sqlalchemy import URL


def parameters(url: URL) -> Mapping[str, str]:
    """Return what a URL of PostgreSQL says, by libpq's names, several servers and their ports as its lists.

    SQLAlchemy alone knows several servers as ``host=A:5432&host=B:5432``; libpq takes that for names of hosts.
    """
    place = url.set(drivername="postgresql+psycopg")
    _, found = place.get_dialect()().create_connect_args(place)
    return {key: ",".join(value) if isinstance(value, tuple) else str(value) for key, value in found.items()}
