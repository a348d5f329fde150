"""Puts the rooms together and offers the one public face: start, stop, commands, queries, subscribe."""
