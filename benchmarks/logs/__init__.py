"""What log lines cost the thread that writes them, and the requests beside it."""
