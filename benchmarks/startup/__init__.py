"""What a fresh process pays to import and initialise."""
