"""Rosters as offices write them, with the right answers: each case is built by code, nobody in it exists."""
