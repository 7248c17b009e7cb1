"""Day 1: a running router's files, changed in place over SSH (design, section 8)."""
