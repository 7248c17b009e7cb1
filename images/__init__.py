"""The images that machines boot: downloaded or local, checked, and filled with day-0 files.

Everything ends up in the user's cache under names that carry the content's digest.
"""
