"""What spans, transactions and decorators cost the thread that makes them."""
