"""What to do: which attempt runs, what follows from its end, what is created, deleted and sent, when to look again."""
