"""The engine: its public face, settings, and the socket it is served on."""
