"""A city to publish."""

from devtools.cities import city

__all__ = ["city"]
