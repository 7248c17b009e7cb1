"""The twin: a fabric's machines as network namespaces on one Linux machine.

A twin machine boots the artifacts that the real machine gets, with real BIRD and real GoBGP.
"""
