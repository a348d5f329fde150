"""The nouns: frozen dataclasses, closed sets and transition tables. Imports nothing of ours, does nothing."""
