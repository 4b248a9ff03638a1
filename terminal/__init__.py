"""What the commands of the sciences have in common: how they end. Standard library only."""
