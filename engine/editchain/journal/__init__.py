"""What was sent, came back and is kept: calls, results, runs, owners and money, in SQLite."""
