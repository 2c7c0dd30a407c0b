"""Import paths that checks kept outside this repository use."""
