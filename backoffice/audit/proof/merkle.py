"""Merkle trees as RFC 6962 defines them: one hash that stands for a whole list, and for its order."""

import hashlib
from collections.abc import Iterable
from typing import Final

#: What is hashed first, so that no leaf can pass for a node.
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


class MerkleTree:
    """A tree that grows leaf by leaf, in memory for the logarithm of its size."""

    def __init__(self) -> None:
        self.size = 0
        #: The roots of its complete subtrees, the largest first: one per 1 in `size` as a binary number.
        self._subtrees: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add `leaf`, the data itself and not yet its hash, as the last one."""
        self.size += 1
        node = hashlib.sha256(_LEAF + leaf).digest()
        carries = (self.size & -self.size).bit_length() - 1
        for _ in range(carries):
            node = _join(self._subtrees.pop(), node)
        self._subtrees.append(node)

    @property
    def root(self) -> bytes:
        """The hash of all leaves so far, 32 bytes; of none, the SHA-256 of nothing."""
        if not self._subtrees:
            return hashlib.sha256().digest()
        *larger, root = self._subtrees
        for subtree in reversed(larger):
            root = _join(subtree, root)
        return root


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree over `leaves` in their order, 32 bytes (RFC 6962, section 2.1)."""
    tree = MerkleTree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
