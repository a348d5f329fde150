"""From where the images of a study came."""

from __future__ import annotations

import sqlite3


def sources_of_study(conn: sqlite3.Connection, study_instance_uid: str) -> tuple[str, ...]:
    """Every source that sent an image of it (`ae:CALLING`, `folder:PATH`, `import`)."""
    rows = conn.execute("SELECT DISTINCT source FROM instances WHERE study_instance_uid = ?", (study_instance_uid,))
    return tuple(row["source"] for row in rows)
