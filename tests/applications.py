"""The application as tests start it: very often, so that its templates are compiled once a run."""

from types import CodeType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from starlette.applications import Starlette

from backoffice.settings import Settings
from main import create_app


class _CompiledBefore(BytecodeCache):
    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _CompiledBefore()


def new_app(settings: Settings) -> Starlette:
    """The application, not yet started up; a third of the tests' time went into compiling its templates."""
    app = create_app(settings)
    app.state.site.pages.bytecode_cache = _COMPILED
    return app
