"""The plugin kit: what authors are given, looked at from outside."""
