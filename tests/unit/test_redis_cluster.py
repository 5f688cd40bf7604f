"""``redis+cluster://``: the parts of its URL, and which node is believed to serve our slot."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from byname.sandbox.redis_cluster import join_command
from byname.sandbox.topology import CLUSTER
from store.cache.cluster import SLOT, Asked, ClusterDown, Nodes, SlotMoved, meaning, serving_in
from store.cache.redis_url import Place, RedisUrl

ROOT = Path(__file__).parents[2]
WELL, ILL = b"cluster_enabled:1\r\ncluster_state:ok\r\n", b"cluster_enabled:1\r\ncluster_state:fail\r\n"
OURS: list[Any] = [SLOT - 5, SLOT, [b"10.0.0.2", 7002, b"id2", []], [b"10.0.0.5", 7005, b"id5", []]]
NOT_OURS: list[Any] = [SLOT + 1, 16383, [b"10.0.0.3", 7003, b"id3", []]]


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("redis+cluster://a", [("a", 6379)]),
        ("redis+cluster://a:7001,b", [("a", 7001), ("b", 6379)]),
        (
            "redis+cluster://user:p%40ss@10.0.0.1:7001,[::1]:7002,[::2]/0",
            [("10.0.0.1", 7001), ("::1", 7002), ("::2", 6379)],
        ),
    ],
)
def test_the_nodes_of_a_url(url: str, places: list[Place]) -> None:
    assert RedisUrl.parse(url).places(6379) == places
    assert RedisUrl.parse(url).database() == 0


def test_login_and_tls_of_a_url() -> None:
    plain = RedisUrl.parse("redis+cluster://user:p%40ss@a,b")
    assert plain.login == {"username": "user", "password": "p@ss"}
    assert (plain.is_secured, plain.tls()) == (False, {})
    secured = RedisUrl.parse("redis+cluster://a,b?ssl=yes&ssl_ca_certs=/ca.pem")
    assert secured.tls() == {"ssl_ca_certs": "/ca.pem", "ssl_check_hostname": True}


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("redis+cluster://a,b/1", "must name no database after the nodes: a Redis Cluster has none but 0"),
        ("redis+cluster://a,b/name", "must name no database"),
        ("redis+cluster://a,b?db=0", "none of: ssl, ssl_ca_certs"),
    ],
)
def test_urls_that_are_none(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        RedisUrl.parse(url).database()


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ((WELL, [NOT_OURS, OURS]), ("10.0.0.2", 7002)),
        ((WELL, [[0, 16383, [b"", 7001, b"id1"]]]), ("here", 7001)),  # alone, it has never heard its own address
        (
            (WELL, [[0, 16383, [None, 7001, b"id1"]]]),
            ("here", 7001),
        ),  # cluster-preferred-endpoint-type unknown-endpoint
        ((ILL, [OURS]), None),
        ((WELL, [NOT_OURS]), None),
        ((WELL, []), None),
    ],
)
def test_who_serves_the_slot(asked: Asked, place: Place | None) -> None:
    if place is None:
        with pytest.raises(ClusterDown):
            serving_in(asked, "here")
        return
    assert serving_in(asked, "here") == place


@pytest.mark.parametrize("page", ["docs/operate.md", "conf/topologies/README.md"])
def test_the_line_that_joins_the_nodes_is_the_one_that_the_faults_run(page: str) -> None:
    (line,) = re.findall(r"redis-cli --cluster create .* --cluster-replicas 1", (ROOT / page).read_text())
    spelt_out = subprocess.run(["bash", "-c", f"echo {line}"], capture_output=True, text=True, check=True).stdout
    assert spelt_out.split() == join_command(CLUSTER.node_addresses, 1)


@pytest.mark.parametrize(
    "asked", [(1, [OURS]), (WELL, 1), (WELL, [[0]]), (WELL, [[0, 16383, [1, b"x"]]]), (None, None)]
)
def test_what_is_no_answer_of_a_node(asked: Any) -> None:
    with pytest.raises(redis.InvalidResponse):
        serving_in(asked, "here")


class Answers:
    """What each node answers, and who was asked."""

    def __init__(self, answers: Mapping[str, Asked | Exception]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []

    def __call__(self, place: Place) -> Asked:
        self.asked.append(place[0])
        found = self.answers[place[0]]
        if isinstance(found, Exception):
            raise found
        return found


def test_the_first_node_that_is_in_touch_is_believed_and_asked_first_from_then_on() -> None:
    answers = Answers({"dead": redis.ConnectionError(), "alone": (ILL, [OURS]), "well": (WELL, [OURS])})
    nodes = Nodes([(name, 1) for name in answers.answers], answers)
    assert [nodes.serving(), nodes.serving()] == [("10.0.0.2", 7002)] * 2
    assert answers.asked == ["dead", "alone", "well", "well"]
    answers.answers["well"] = redis.TimeoutError()
    with pytest.raises(ClusterDown):
        nodes.serving()
    answers.answers["dead"] = (WELL, [OURS])
    assert nodes.serving() == ("10.0.0.2", 7002)


@pytest.mark.parametrize(
    ("troubles", "told"),
    [
        ([redis.ConnectionError(), redis.AuthenticationError()], redis.AuthenticationError),
        ([redis.AuthenticationError(), redis.TimeoutError()], redis.AuthenticationError),
        ([redis.TimeoutError(), redis.ConnectionError()], redis.TimeoutError),
    ],
)
def test_the_most_telling_trouble_is_told(troubles: list[redis.RedisError], told: type[Exception]) -> None:
    answers = Answers({str(number): trouble for number, trouble in enumerate(troubles)})
    with pytest.raises(told) as error:
        Nodes([(name, 1) for name in answers.answers], answers).serving()
    assert type(error.value) is told


@pytest.mark.parametrize(
    ("reply", "means"),
    [
        (MovedError("9427 10.0.0.2:7002"), SlotMoved),
        (AskError("9427 10.0.0.2:7002"), SlotMoved),
        (TryAgainError("Multiple keys request during rehashing of slot"), SlotMoved),
        (ClusterDownError("Hash slot not served"), ClusterDown),
        (redis.ResponseError("WRONGTYPE"), redis.ResponseError),
    ],
)
def test_what_a_node_answers_in_place_of_a_reply(reply: Exception, means: type[Exception]) -> None:
    assert type(meaning(reply)) is means
