"""How the lab's templates write numbers."""
