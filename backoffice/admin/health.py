"""Whether the process lives, and whether it can serve: for load balancers and orchestrators."""

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice.checks import readiness, refuse
from backoffice.errors import ConfigurationError


async def require_readiness(engine: AsyncEngine) -> None:
    """Raise ConfigurationError, with the command that mends it, unless database and models agree."""
    async with engine.connect() as connection:
        refuse(await readiness(connection))


async def healthz(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """The database answers, with the tables and triggers that this version needs."""
    try:
        await require_readiness(request.app.state.engine)
    except (ConfigurationError, SQLAlchemyError, OSError):
        return JSONResponse({"status": "not ready"}, status_code=503)
    return JSONResponse({"status": "ready"})
