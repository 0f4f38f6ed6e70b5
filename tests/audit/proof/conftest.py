"""The key that signs in tests of the proof."""

import base64

import pytest

from backoffice.audit.proof.keys import SigningKey

#: A key like any other: it protects nothing.
KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(KEY)
