"""The proof that the history is whole: seals, their keys and anchors, verification, bundles to take away."""
