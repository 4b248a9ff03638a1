"""Responses to numbers: error rates, d′, thresholds, intervals and ranks from a trial table."""
