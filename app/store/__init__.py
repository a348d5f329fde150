"""SQLite: one writer thread, read-only readers, one module per noun. The only place that knows SQL."""

from app.store.database import Reader, Store, Tx

__all__ = ["Reader", "Store", "Tx"]
