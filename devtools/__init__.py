"""What the tests and the scripts share: real servers and processes, example cities, and the laws of the source."""
