"""One conversation module per platform and the vocabulary they share. No I/O, no clock, no randomness in here."""
