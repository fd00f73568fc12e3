"""The sample's year, told once in front of the user: what ``make run`` shows (domain 4.4, 7)."""
