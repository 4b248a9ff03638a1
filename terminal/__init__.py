"""What the commands of the sciences share: how they end, what they never write over. Standard library only."""
