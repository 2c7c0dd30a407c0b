"""The command line: one file per noun; each parses, makes one call, prints."""
