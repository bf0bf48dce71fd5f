"""What a repository asks of its designs: budgets, design rules, and the findings they give."""
