"""A brand set up by an agent in twelve calls, over both transports; then a mail arrives, and one leaves."""

import json
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from byname.demo.agents import configuration
from byname.sandbox.ports import LOOPBACK
from byname.sandbox.site import PrivateSite
from tests.api.mcp.agents import HANDSHAKE, MODERN, STDIO, Agent, AgentProcess, command
from tests.mail.world import JOHN, fill
from tests.store.dns.dns_server import DnsServer

BRAND = "brand-c.test"


@pytest.fixture(scope="module")
def nameserver() -> Iterator[DnsServer]:
    with DnsServer() as running:
        yield running


@pytest.fixture(scope="module")
def site(needs_root: None, nameserver: DnsServer) -> Iterator[PrivateSite]:
    settings = f'\n[dns]\nnameservers = ["{nameserver.nameserver}"]\n'
    with PrivateSite(fill, into_sink=True, api=True, sending=True, settings=settings) as started:
        yield started


def token(site: PrivateSite, *of: str) -> str:
    made = site.run("token", "create", *of)
    made.check_returncode()
    return made.stdout.strip()


def test_a_brand_is_set_up(site: PrivateSite, nameserver: DnsServer) -> None:
    url = site.mcp_url.removesuffix("/mcp")
    with AgentProcess() as process:
        agent = Agent(process, url, token(site, "--account", "brands"), STDIO, HANDSHAKE, answers="accept")
        scopes = agent.call("get_me").data["capabilities"]["effective_scopes"]
        assert {"domains:write", "mailboxes:write"} <= set(scopes)
        assert agent.call("get_account").data["data"]["limits"]["aliases_per_mailbox"] == 100
        assert agent.call("list_domains", search=BRAND).data["data"] == []
        domain = agent.call("create_domain", name=BRAND).data["data"]["id"]
        record = agent.call("get_dns_requirements", domain_id=domain).data["data"]["records"][0]
        assert record["purpose"] == "ownership"
        nameserver.add(record["name"], "TXT", record["required"])  # a person's part
        check = agent.call("recheck_dns", domain_id=domain).data["data"]["id"]
        while agent.call("get_dns_check", check_id=check).data["data"]["status"] != "done":
            pass
        assert agent.call("get_domain", domain_id=domain).data["data"]["status"] == "active"
        (john,) = agent.call("list_mailboxes", search=JOHN).data["data"]
        new = {"op": "create", "mailbox_id": john["id"], "domain_id": domain}
        names = [{**new, "local_part": "sales", "can_send": True}, {**new, "local_part": "info"}]
        made = agent.call("bulk_aliases", items=names).data["data"]["results"]
        assert [one["status"] for one in made] == ["created", "created"]
        told = agent.call("explain_recipient", address=f"sales@{BRAND}").data["data"]
        assert (told["verdict"], told["mailbox"]) == ("deliver", JOHN)
        secret = agent.call("create_token", name="newsletter", mailbox_id=john["id"], scopes=["messages:send"]).data[
            "data"
        ]["secret"]  # the twelfth

        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "ann@outside.example", f"sales@{BRAND}", "Is it you?"
        with smtplib.SMTP(LOOPBACK, site.postfix.inbound_port) as smtp:
            smtp.send_message(mail)
        (arrived,) = site.mailboxes.wait_for(1)
        assert arrived.recipients == (JOHN,)
        assert f"Delivered-To: sales@{BRAND}" in arrived.content.decode()

        sender = Agent(process, url, secret, mode=MODERN, answers="accept")
        assert sender.tools() == {"get_me", "get_own_mailbox", "list_identities", "send_message", "get_message"}
        sent = sender.call(
            "send_message",
            to=["ann@outside.example"],
            subject="It is",
            body={"text": "Yes\n"},
            **{"from": f"sales@{BRAND}"},
        )
        assert sent.asked[0].startswith(f"Send this mail?\nFrom: sales@{BRAND}\nTo: ann@outside.example\n")
        (left,) = site.outside.wait_for(1)
        assert (left.sender, left.recipients) == (f"sales@{BRAND}", ("ann@outside.example",))
        while sender.call("get_message", message_id=sent.data["data"]["id"]).data["data"]["status"] != "sent":
            pass


def test_the_configuration_that_the_demo_prints_works(site: PrivateSite) -> None:
    servers = json.loads(configuration(site))["mcpServers"]
    over_http, started = servers["byname"], servers["byname-stdio"]
    token, api = started["env"]["BYNAME_TOKEN"], started["args"][-1]
    assert over_http == {"type": "http", "url": f"{api}/mcp", "headers": {"Authorization": f"Bearer {token}"}}
    assert [started["command"], *started["args"]] == command(api)
    with AgentProcess() as process:
        agent = Agent(process, api, token)
        (john,) = agent.call("list_mailboxes", search=JOHN).data["data"]
        assert "sales@brand-b.test" in str(agent.call("list_aliases", mailbox_id=john["id"]).data)
