"""What people are shown and what they answer."""
