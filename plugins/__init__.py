"""The plugins that we ship, loaded like anybody else's."""
