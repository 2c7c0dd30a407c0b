"""Compilation: the text of a site's pages becomes its meetings.db."""
