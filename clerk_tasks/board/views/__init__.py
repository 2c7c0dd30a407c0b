"""What each page shows: a function from what was asked for to its answer."""
