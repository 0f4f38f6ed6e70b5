"""Files as other programs write them."""

import json

from models import ImportKind
from tests.desk.importing.conftest import Importing

ANA = {"id": 11, "name": "Ana Acme", "email": "Ana@acme.example", "role": "end-user"}
SUE = {"id": 12, "name": "Sue Supervisor", "email": "sue@example.com", "role": "agent"}
TICKET = {
    "url": "https://acme.zendesk.com/api/v2/tickets/35436.json",
    "id": 35436,
    "created_at": "2023-07-20T22:55:29Z",
    "updated_at": "2023-07-21T10:00:00Z",
    "subject": "Help, my printer is on fire!",
    "raw_subject": "{{dc.printer_on_fire}}",
    "description": "The fire is very colorful.",
    "priority": "normal",
    "status": "hold",
    "requester": ANA,
    "submitter": ANA,
    "assignee": SUE,
    "tags": ["enterprise", "other_tag"],
    "custom_fields": [{"id": 27642, "value": "745"}],
    "via": {"channel": "web"},
    "comments": [
        {"id": 1, "author_id": 11, "body": "The fire is very colorful.", "public": True},
        {
            "id": 2,
            "author_id": 12,
            "plain_body": "Get out!",
            "public": True,
            "created_at": "2023-07-20T23:00:00Z",
        },
        {"id": 3, "author_id": 12, "body": "Called the brigade.", "public": False},
        {"id": 4, "author_id": 999, "body": "Out.", "public": True},
    ],
}
TICKETS = (
    "SELECT ticket_number, title, status::text, priority::text, c.email AS creator, a.email AS assignee,"
    " tickets.created_at::date::text AS day FROM tickets JOIN users c ON c.id = creator_id"
    " LEFT JOIN users a ON a.id = assignee_id ORDER BY 1"
)


class TestZendesk:
    async def test_json_lines_with_comments_and_authors(self, importing: Importing) -> None:
        deleted = {**TICKET, "id": 35437, "status": "deleted"}
        file = await importing.upload("".join(f"{json.dumps(each)}\n" for each in (TICKET, deleted)))
        rows = await importing.check(file)
        assert [(row["verdict"], row["reason"]) for row in rows] == [
            ("create", ""),
            ("skip", "its status is left out"),
        ]
        await importing.run(file)
        (ticket,) = await importing.owner.fetch(TICKETS)
        assert tuple(ticket) == (
            *("ZD-35436", "Help, my printer is on fire!", "waiting_on_customer", "medium"),
            *("ana@acme.example", "sue@example.com", "2023-07-20"),
        )
        comments = await importing.owner.fetch(
            "SELECT content, is_internal, email FROM comments JOIN users ON users.id = author_id"
            " ORDER BY comments.id"
        )
        assert [tuple(comment) for comment in comments] == [
            ("Get out!", False, "sue@example.com"),
            ("Called the brigade.", True, "sue@example.com"),
            # Nobody knows who it was: it is put down by whoever imports.
            ("Out.", False, "sue@example.com"),
        ]
        names = await importing.owner.fetchval("SELECT full_name FROM users WHERE email LIKE 'ana@%'")
        assert names == "Ana Acme"
        again = await importing.upload(json.dumps(TICKET))
        assert [row["verdict"] for row in await importing.check(again)] == ["skip"]

    async def test_json_of_the_interface(self, importing: Importing) -> None:
        counts, _ = await importing.bring(json.dumps({"tickets": [TICKET], "next_page": None}, indent=2))
        assert counts.changed == 1

    async def test_csv_without_descriptions(self, importing: Importing) -> None:
        content = (
            '"Summation column","Id","Requester","Requester email","Assignee","Subject","Tags","Status",'
            '"Priority","Created at","Solved at"\n'
            '"1","4","matthew","m@acme.example","Sue Supervisor","testing","printer on_fire","Closed","-",'
            '"2009-09-01 19:02","2009-09-04 12:00"\n'
        )
        await importing.bring(content)
        (ticket,) = await importing.owner.fetch(TICKETS)
        assert tuple(ticket) == (
            *("ZD-4", "testing", "closed", "medium", "m@acme.example", "sue@example.com", "2009-09-01"),
        )
        row = await importing.owner.fetchrow(
            "SELECT description, resolved_at::text, (SELECT array_agg(name ORDER BY name) FROM tags)"
            " FROM tickets"
        )
        # Moments are of Paris, where whoever imports is.
        assert tuple(row) == ("testing", "2009-09-04 10:00:00+00", ["on_fire", "printer"])

    async def test_users(self, importing: Importing) -> None:
        people = [{**ANA, "active": True, "time_zone": "Hawaii"}, {**SUE, "name": "Sue S."}]
        file = await importing.upload(json.dumps({"users": people}), ImportKind.PEOPLE)
        rows = await importing.check(file, may_make_staff=True)
        assert [(row["verdict"], row["reason"]) for row in rows] == [
            ("error", "Time zone is no name of a time zone: “Hawaii”"),
            ("error", "a staff account is changed on its own page"),
        ]


class TestZammad:
    async def test_csv(self, importing: Importing) -> None:
        content = (
            "id;number;title;note;organization;priority;state;owner;customer;tags\n"
            "7;68001;Der Drucker;Nur intern;ACME;2 normal;pending reminder;-;eva@example.com;"
            "rot~~~sehr eilig\n"
        )
        file = await importing.upload(content)
        await importing.check(file)
        await importing.run(file)
        (ticket,) = await importing.owner.fetch(TICKETS)
        assert tuple(ticket)[:6] == (
            *("68001", "Der Drucker", "waiting_on_customer", "medium", "eva@example.com", None),
        )
        comment = await importing.owner.fetchrow("SELECT content, is_internal FROM comments")
        tags = await importing.owner.fetchval("SELECT array_agg(name ORDER BY name) FROM tags")
        assert (tuple(comment), tags) == (("Nur intern", True), ["rot", "sehr eilig"])

    async def test_users(self, importing: Importing) -> None:
        content = (
            "login,firstname,lastname,email,active,roles\n"
            "kim,Kim,Kay,kim@example.com,true,Agent~~~Customer\n"
            "ben,Ben,Bo,BEN@example.com,false,Customer\n"
        )
        await importing.bring(content, kind=ImportKind.PEOPLE, may_make_staff=True)
        people = await importing.owner.fetch(
            "SELECT email, full_name, is_staff, is_active, password_hash FROM users"
            " WHERE email <> 'sue@example.com' ORDER BY 1"
        )
        assert [tuple(person) for person in people] == [
            ("ben@example.com", "Ben Bo", False, False, ""),
            ("kim@example.com", "Kim Kay", True, True, ""),
        ]
