"""What every room stands on: clock, ids, context, identity, text, diagnostics, fork."""
