"""Budgets, design rules, and their findings."""
