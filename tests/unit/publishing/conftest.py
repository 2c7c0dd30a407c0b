"""A city to publish."""

from tests.support.cities import city

__all__ = ["city"]
