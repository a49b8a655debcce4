"""Counters and histograms: what an update costs, what reading them costs, what they weigh."""
