import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backoffice.audit.proof.merkle import MerkleTree, merkle_root

# The tree heads that Certificate Transparency's own implementations are tested with.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

LISTS = st.lists(st.binary(max_size=8), max_size=70)


def as_the_rfc_says(leaves: Sequence[bytes]) -> bytes:
    """MTH of section 2.1, word for word."""
    n = len(leaves)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < n:
        k *= 2
    left, right = as_the_rfc_says(leaves[:k]), as_the_rfc_says(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


class TestRoot:
    @pytest.mark.parametrize("size", range(len(ROOTS)))
    def test_is_the_known_one(self, size: int) -> None:
        assert merkle_root(LEAVES[:size]).hex() == ROOTS[size]

    @given(LISTS)
    def test_is_what_the_definition_gives(self, leaves: list[bytes]) -> None:
        assert merkle_root(leaves) == as_the_rfc_says(leaves)

    @given(LISTS, st.data())
    def test_tells_any_two_lists_apart(self, leaves: list[bytes], data: st.DataObject) -> None:
        other = data.draw(st.one_of(LISTS, st.permutations(leaves)))
        assert (merkle_root(leaves) == merkle_root(other)) == (leaves == other)

    def test_two_leaves_are_not_their_node(self) -> None:
        left, right = (hashlib.sha256(b"\x00" + leaf).digest() for leaf in (b"a", b"b"))
        assert merkle_root([b"a", b"b"]) != merkle_root([left + right])

    def test_can_be_asked_for_while_the_tree_grows(self) -> None:
        tree = MerkleTree()
        roots = [tree.root.hex()]
        for leaf in LEAVES:
            tree.append(leaf)
            roots.append(tree.root.hex())
        assert (roots, tree.size) == (ROOTS, len(LEAVES))
