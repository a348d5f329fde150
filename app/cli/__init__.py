"""The face of the engine for a terminal: every command, `--json` everywhere. Holds no rules of its own."""
