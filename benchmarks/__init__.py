"""What testpilot_obs costs, against other libraries; ``python -m benchmarks`` runs it all.

Each library is measured in a process of its own, started anew in each round, and the rounds of
all libraries alternate: a machine that slows down slows all of them.
"""
