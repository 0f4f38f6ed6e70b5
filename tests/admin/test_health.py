import asyncpg
from httpx import AsyncClient


class TestHealth:
    async def test_alive_and_ready(self, client: AsyncClient) -> None:
        for url, status in (("/healthz", "alive"), ("/readyz", "ready")):
            answer = await client.get(url)
            assert (answer.status_code, answer.json()) == (200, {"status": status})

    async def test_not_ready_when_history_is_not_captured(
        self, client: AsyncClient, owner: asyncpg.Connection
    ) -> None:
        trigger = await owner.fetchval(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'tags'::regclass AND NOT tgisinternal LIMIT 1"
        )
        await owner.execute(f"DROP TRIGGER {trigger} ON tags")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
        assert (await client.get("/healthz")).status_code == 200

    async def test_not_ready_without_its_tables(self, client: AsyncClient, owner: asyncpg.Connection) -> None:
        await owner.execute("UPDATE alembic_version SET version_num = 'another'")
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "alembic" not in answer.text
