"""Job types: their registry, validation, arguments, signatures and pools."""
