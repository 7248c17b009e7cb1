"""One thing that is looked at, a file each."""
