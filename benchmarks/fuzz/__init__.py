"""Fuzzing: random inputs that are nearly valid, for every reader of text and files; ``python -m benchmarks.fuzz``."""
