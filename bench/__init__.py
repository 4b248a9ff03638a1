"""What is timed, against peers, and printed as JSON."""
