"""The test kit for plugins, which they import from `clerk.testing`."""
