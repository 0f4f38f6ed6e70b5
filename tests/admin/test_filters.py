import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from backoffice.admin.filters import Related, parse_value
from backoffice.database import SessionFactory, transaction
from backoffice.errors import BadInput, ConfigurationError
from models import AuditLog, Operation, Ticket, TicketPriority, TicketStatus
from tests.admin.conftest import Browser, OpenBrowser
from tests.admin.lists import keys_in, links_in, listed, main_of, make_tickets
from tests.factories import arranging, make_tag, make_ticket, make_user


@pytest.fixture
async def agent(browser_of: OpenBrowser) -> Browser:
    return await browser_of("Agents", full_name="Ana Agent", time_zone="Pacific/Auckland")


async def _by_status(factory: SessionFactory) -> dict[TicketStatus, int]:
    keys = await make_tickets(factory, *({"status": status} for status in TicketStatus))
    return dict(zip(TicketStatus, keys, strict=True))


class TestChoice:
    async def test_one_value(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await _by_status(factory)
        response = await listed(agent.client, status="waiting_on_customer")
        assert keys_in(response) == [keys[TicketStatus.WAITING_ON_CUSTOMER]]
        assert "Status: Waiting on customer" in main_of(response)

    async def test_several_values(self, agent: Browser, factory: SessionFactory) -> None:
        keys = await _by_status(factory)
        for query in ("status=open&status=closed", "status=open,closed", "status=open%2Cclosed,"):
            response = await agent.client.get(f"/admin/ticket/list?{query}")
            assert set(keys_in(response)) == {keys[TicketStatus.OPEN], keys[TicketStatus.CLOSED]}

    async def test_each_of_several_can_be_removed(self, agent: Browser, factory: SessionFactory) -> None:
        await _by_status(factory)
        response = await listed(agent.client, status="open,closed", sortBy="status", sort="asc")
        assert "/admin/ticket/list?sortBy=status&sort=asc&status=closed" in links_in(response)
        assert "/admin/ticket/list?sortBy=status&sort=asc&status=open" in links_in(response)

    async def test_a_form_keeps_several(self, agent: Browser) -> None:
        response = await listed(agent.client, status="open,closed")
        ticked = re.findall(r'name="status" value="(\w+)" checked', response.text)
        assert ticked == ["open", "closed"]

    async def test_nonsense_shows_a_sentence_and_no_rows(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        await _by_status(factory)
        for value in ("opened", "OPEN", "open,nonsense", "' OR 1=1 --"):
            response = await listed(agent.client, status=value)
            assert response.status_code == 400
            assert keys_in(response) == []
            assert "Status: there is no" in main_of(response)

    async def test_nothing_chosen_filters_nothing(self, agent: Browser, factory: SessionFactory) -> None:
        await _by_status(factory)
        response = await agent.client.get("/admin/ticket/list?status=&priority=&assignee=&created_at_from=")
        assert len(keys_in(response)) == 5


class TestFlag:
    async def test_overdue(self, agent: Browser, factory: SessionFactory) -> None:
        long_ago = datetime.now(UTC) - timedelta(days=8)
        overdue, _, new = await make_tickets(
            factory, {"created_at": long_ago}, {"created_at": long_ago, "status": TicketStatus.CLOSED}, {}
        )
        assert keys_in(await listed(agent.client, is_overdue=1)) == [overdue]
        assert new in keys_in(await listed(agent.client, is_overdue=0))
        assert overdue not in keys_in(await listed(agent.client, is_overdue=0))

    async def test_a_column_of_its_own(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        browser = await browser_of("Supervisors")
        async with transaction(factory, arranging()) as session:
            gone = await make_user(session, is_active=False)
        assert keys_in(await listed(browser.client, "user", is_active=0), "user") == [gone.id]

    async def test_nonsense(self, agent: Browser) -> None:
        for value in ("yes", "2", "true"):
            response = await listed(agent.client, is_overdue=value)
            assert response.status_code == 400
            assert "Overdue: write 1 for yes or 0 for no." in main_of(response)


class TestDates:
    async def test_days_are_those_of_the_viewer_and_included(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        # The first of July in Auckland (UTC+12) is from noon of the 30th of June to noon, in UTC.
        noon = datetime(2026, 6, 30, 12, tzinfo=UTC)
        moments = [
            noon - timedelta(seconds=1),
            noon,
            noon + timedelta(hours=24, seconds=-1),
            noon + timedelta(days=1),
        ]
        _, first, last, _ = await make_tickets(factory, *({"created_at": moment} for moment in moments))
        response = await listed(agent.client, created_at_from="2026-07-01", created_at_to="2026-07-01")
        assert keys_in(response) == [last, first]
        assert "Created: 2026-07-01" in main_of(response)

    async def test_a_day_of_twenty_five_hours(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        berliner = await browser_of("Agents", time_zone="Europe/Berlin")
        start = datetime(2025, 10, 25, 22, tzinfo=UTC)
        (late, _) = await make_tickets(
            factory,
            {"created_at": start + timedelta(hours=24, minutes=59)},
            {"created_at": start + timedelta(hours=25)},
        )
        response = await listed(berliner.client, created_at_from="2025-10-26", created_at_to="2025-10-26")
        assert keys_in(response) == [late]

    async def test_either_end_may_be_open(self, agent: Browser, factory: SessionFactory) -> None:
        old, new = await make_tickets(
            factory,
            {"created_at": datetime(2025, 1, 5, tzinfo=UTC)},
            {"created_at": datetime(2026, 1, 5, tzinfo=UTC)},
        )
        assert keys_in(await listed(agent.client, created_at_to="2025-06-01")) == [old]
        assert keys_in(await listed(agent.client, created_at_from="2025-06-01")) == [new]

    async def test_no_such_day(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        for day in (
            "yesterday",
            "2026-02-30",
            "0001-01-01",
            "9999-12-31",
            "2026-13-01",
            "１",
            "2026-01-01T00:00",
        ):
            response = await listed(agent.client, created_at_to=day)
            assert response.status_code == 400
            assert keys_in(response) == []
            assert "Created: write a day like 2026-05-31." in main_of(response)

    async def test_the_wrong_way_round(self, agent: Browser) -> None:
        response = await listed(agent.client, created_at_from="2026-02-02", created_at_to="2026-02-01")
        assert response.status_code == 400
        assert "the first day comes after the last" in main_of(response)


class TestRelated:
    async def test_me_nobody_and_somebody(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            other = await make_user(session, is_staff=True, full_name="Otto Other")
        mine, nobodys, others = await make_tickets(
            factory, {"assignee_id": agent.user.id}, {}, {"assignee_id": other.id}
        )
        assert keys_in(await listed(agent.client, assignee="me")) == [mine]
        assert keys_in(await listed(agent.client, assignee="nobody")) == [nobodys]
        response = await listed(agent.client, assignee=other.id)
        assert keys_in(response) == [others]
        assert "Assignee: Otto Other" in main_of(response)
        assert f'<option value="{other.id}" selected>Otto Other</option>' in response.text

    async def test_somebody_who_can_no_longer_be_picked(
        self, agent: Browser, factory: SessionFactory
    ) -> None:
        async with transaction(factory, arranging()) as session:
            gone = await make_user(session, is_staff=True, is_active=False, full_name="Gone Away")
        (key,) = await make_tickets(factory, {"assignee_id": gone.id})
        response = await listed(agent.client, assignee=gone.id)
        assert keys_in(response) == [key]
        assert "Assignee: Gone Away" in main_of(response)

    async def test_nobody_of_that_number(self, agent: Browser) -> None:
        response = await listed(agent.client, assignee=999_999)
        assert response.status_code == 200
        assert "Assignee: #999999" in main_of(response)

    async def test_nonsense(self, agent: Browser, factory: SessionFactory) -> None:
        await make_tickets(factory, {})
        for value in ("abc", "99999999999999999999", "9" * 5000, "1.5", "٣", "1 2"):
            response = await listed(agent.client, assignee=value)
            assert response.status_code == 400
            assert keys_in(response) == []

    def test_an_unknown_special_is_refused_at_the_start(self) -> None:
        with pytest.raises(ConfigurationError, match="everybody"):
            Related("assignee", None, special={"everybody": "All"})  # type: ignore[arg-type]


class TestRelatedMany:
    async def test_a_row_has_all_of_several(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            red, blue = await make_tag(session, name="red"), await make_tag(session, name="blue")
            customer = await make_user(session)
            both = await make_ticket(session, creator=customer, tags=[red, blue])
            one = await make_ticket(session, creator=customer, tags=[red])
            await make_ticket(session, creator=customer, tags=[])
        assert keys_in(await listed(agent.client, tags=red.id)) == [one.id, both.id]
        response = await listed(agent.client, tags=[red.id, blue.id])
        assert keys_in(response) == [both.id]
        assert {"Tag: red", "Tag: blue"} <= {line.strip() for line in _chips(response.text)}
        assert f"/admin/ticket/list?tags={red.id}" in links_in(response)

    async def test_several_stay_chosen(self, agent: Browser, factory: SessionFactory) -> None:
        async with transaction(factory, arranging()) as session:
            tags = [await make_tag(session), await make_tag(session)]
        response = await listed(agent.client, tags=[tag.id for tag in tags])
        for tag in tags:
            assert f'<option value="{tag.id}" selected>{tag.name}</option>' in response.text

    async def test_nonsense(self, agent: Browser) -> None:
        for value in ("abc", "-", ",".join(map(str, range(60)))):
            assert (await listed(agent.client, tags=value)).status_code == 400


def _chips(html: str) -> list[str]:
    return [part.partition("</bdi>")[0] for part in html.split("<bdi>")]


class TestExact:
    async def test_the_history_of_one_record(self, browser_of: OpenBrowser, factory: SessionFactory) -> None:
        auditor = await browser_of("Auditors")
        _, second = await make_tickets(factory, {}, {})
        response = await listed(auditor.client, "audit-log", table_name="tickets", record_id=second)
        assert len(keys_in(response, "audit-log")) == 1
        assert "Table: tickets" in main_of(response)
        assert len(keys_in(await listed(auditor.client, "audit-log", table_name="tickets"), "audit-log")) == 2

    async def test_by_operation_and_actor_and_action(
        self, browser_of: OpenBrowser, factory: SessionFactory
    ) -> None:
        auditor = await browser_of("Auditors")
        change = arranging(actor_id=auditor.user.id)
        async with transaction(factory, change) as session:
            await make_ticket(session)
        operation = {"operation_id": change.operation_id}
        response = await listed(
            auditor.client, "audit-log", **operation, user=auditor.user.id, action="CREATE"
        )
        assert len(keys_in(response, "audit-log")) == 2
        assert keys_in(await listed(auditor.client, "audit-log", operation_id=uuid4()), "audit-log") == []
        hidden = await listed(auditor.client, "audit-log", **operation, table_name="operations")
        assert len(keys_in(hidden, "audit-log")) == 1
        assert "Table: operations" in main_of(hidden)

    async def test_nonsense(self, browser_of: OpenBrowser) -> None:
        auditor = await browser_of("Auditors")
        for query in ("operation_id=abc", "record_id=abc", "record_id=99999999999999999999"):
            response = await auditor.client.get(f"/admin/audit-log/list?{query}")
            assert response.status_code == 400
            assert keys_in(response, "audit-log") == []


class TestValues:
    def test_each_kind(self) -> None:
        assert parse_value(Ticket.id, "12") == 12
        assert parse_value(Ticket.id, str(2**63 - 1)) == 2**63 - 1
        assert parse_value(AuditLog.table_name, "tickets") == "tickets"
        assert isinstance(parse_value(Operation.id, str(uuid4())), UUID)

    @pytest.mark.parametrize("typed", [str(2**63), "1e3", "--1", "", "-", "1_000", "²"])
    def test_no_number(self, typed: str) -> None:
        with pytest.raises(BadInput):
            parse_value(Ticket.id, typed)

    def test_a_column_that_cannot_be_asked_for(self) -> None:
        with pytest.raises(ConfigurationError, match="created_at"):
            parse_value(Ticket.created_at, "2026-01-01")


async def test_filters_add_up(agent: Browser, factory: SessionFactory) -> None:
    urgent = {"priority": TicketPriority.URGENT}
    both, *_ = await make_tickets(factory, {**urgent, "assignee_id": agent.user.id}, urgent, {})
    response = await listed(agent.client, priority="urgent", assignee="me")
    assert keys_in(response) == [both]
