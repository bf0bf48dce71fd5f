"""Reads and writes the model files and code of other programs. Nothing in a model file is executed."""
