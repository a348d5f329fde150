"""SQLite: one writer thread, read-only readers, one module per noun. The only place that knows SQL."""

from app.store.database import Store, Tx

__all__ = ["Store", "Tx"]
