"""Spreadsheets that people bring and take away: a reader that survives hostile files, and writing that runs nothing."""
