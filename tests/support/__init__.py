"""Import paths from before the writers of test data moved to devtools."""
