"""The plugins that we ship, loaded like every other plugin."""
