"""The desktop (桌面): tray icon and windows over the engine's face. Shows and asks; holds no rules, never waits."""
