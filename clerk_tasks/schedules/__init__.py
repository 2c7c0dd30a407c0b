"""Schedules: their slots, and beat."""
