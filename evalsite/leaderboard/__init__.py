"""What people and metrics make of every generator."""
