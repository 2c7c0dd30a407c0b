"""Find, load, contain and register plugins."""
