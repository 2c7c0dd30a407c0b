"""What several test modules share: real services, real processes."""
