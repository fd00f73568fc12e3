"""What authors of plugins are given: a package to begin with, and a check whether theirs keeps the contract (插件工具)."""
