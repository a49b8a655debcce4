"""One `init()` call gives a Python service APM, structured logs and metrics."""
