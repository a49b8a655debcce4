"""TestPilot's code generation API in small, watched by testpilot_obs; run it with ``make demo``."""
