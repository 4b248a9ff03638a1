"""Networks of strangers, run where they can do nothing but turn numbers into numbers."""
