"""The change history: its capture by triggers, the context they read, and undo from it."""
