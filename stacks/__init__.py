"""The substrates, one module each, of which a stack imports the one that it is built on."""
