"""What turns images into features and class probabilities: one small class each."""
