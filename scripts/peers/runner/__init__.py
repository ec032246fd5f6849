"""The parts of scripts/bench-peers. Which programs are compared on what, and with which bars, is
data: cells.py. What is made of samples is pure: stats.py, judge.py. The rest runs and prints."""
