"""What the desk does: settings, history, accounts, verbs, operations, and the admin on top of them."""
