"""A county as one file (单位档案包), for another installation. The format stands in docs/county-archive.md."""
