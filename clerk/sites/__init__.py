"""Municipalities: their rows, their finance status, adding and removing them."""
