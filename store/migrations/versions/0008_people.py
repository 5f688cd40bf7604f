"""With each mailbox, the person that its display name says it is: account and key of the name, in one text."""

import sqlalchemy as sa
from alembic import op

from store.batches import batches
from store.wire_format.people import person_of

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    op.add_column("mailboxes", sa.Column("person", sa.String(40), nullable=True))
    op.create_index(None, "mailboxes", ["person"])
    connection = op.get_bind()
    named = sa.text(
        "SELECT m.id, m.display_name, d.account_id FROM mailboxes m JOIN addresses n ON n.id = m.id"
        " JOIN domains d ON d.id = n.domain_id WHERE m.display_name <> ''"
    )
    found = [(row[0], person_of(row[2], row[1])) for row in connection.execute(named)]
    change = sa.text("UPDATE mailboxes SET person = :person WHERE id = :id")
    for some in batches(((number, person) for number, person in found if person), _AT_ONCE):
        connection.execute(change, [{"id": number, "person": person} for number, person in some])


def downgrade() -> None:
    op.drop_index("ix_mailboxes_person", "mailboxes")
    op.drop_column("mailboxes", "person")
