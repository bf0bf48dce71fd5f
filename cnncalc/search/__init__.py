"""Searches in a family of designs: ``sweep``, ``solve``, ``formula`` and the advice of ``fit``."""
