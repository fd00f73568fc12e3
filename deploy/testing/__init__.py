"""What tests of plugins stand on: a real database with two counties, posts and browsers. ``plugin`` has the fixtures."""
