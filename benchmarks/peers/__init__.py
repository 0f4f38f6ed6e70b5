"""This product beside its peers, on the same database, the same rows and the same machine."""
