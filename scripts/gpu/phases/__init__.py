"""The phases of `check.py`: each module has `run(plan, limit, findings)`."""
