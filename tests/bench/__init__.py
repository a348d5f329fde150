"""Scripts that print ratios against named peers: `python -m tests.bench.<name>`. They assert no timing."""
