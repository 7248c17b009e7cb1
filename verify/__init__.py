"""Expected against observed: what the plan says of every machine, and what is there."""
