"""What it costs to bring finished spans to a receiver, and what a request feels of it."""
