"""For tests of applications that use testpilot_obs: capture what was recorded, receive OTLP."""
