"""An explanation shows nothing of the site's own postmaster to the accounts whose mail ends there."""

from routing.address import Address
from routing.policy import Policy
from store.services import accounts, domains, mailboxes
from store.sql.database import Database
from tests.api.running_api import RunningApi, site_over
from tests.api.tenants import secret_of, tenant


def test_the_postmaster_of_the_site_is_not_shown(sqlite_api: Database) -> None:
    with sqlite_api.write() as tx:
        accounts.create(tx, "provider", "pro")
        domains.add(tx, "provider.com", account="provider", verified=True)
        mailboxes.add(tx, "chief@provider.com", "correct horse")
    policy = Policy(postmaster=Address.parse("chief@provider.com"))
    running = RunningApi(site_over(sqlite_api, policy=policy))
    try:
        owner = tenant(running)
        asked = {"address": f"postmaster@{owner.other}"}
        answer = owner.client.get("/explain/recipient", params=asked)
        told = answer.json()["data"]
        assert (told["verdict"], told["mailbox"], told["delivered_to"]) == ("deliver", None, asked["address"])
        assert "provider.com" not in answer.text
        with running.client(secret_of(sqlite_api)) as operator:
            everything = operator.get("/explain/recipient", params=asked).json()["data"]
        assert everything["mailbox"] == "chief@provider.com"
    finally:
        running.close()
