"""What a decorated call costs, beside the other ways to observe one; `python -m benchmarks` runs it all."""
