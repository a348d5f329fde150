"""Which exams are only a test of a device (测试影像): never to be filled or sent while nothing more comes in."""

from __future__ import annotations

import sqlite3

from app.store.database import Tx


def mark(tx: Tx, exam_key: str, image_count: int) -> None:
    """The exam's first `image_count` images are a test; 0: it is a real one."""
    tx.execute("DELETE FROM test_marks WHERE exam_key = ?", (exam_key,))
    if image_count:
        tx.execute("INSERT INTO test_marks (exam_key, image_count) VALUES (?, ?)", (exam_key, image_count))
    tx.tell("exam_changed", exam=exam_key, state="test" if image_count else "")


def outgrow(tx: Tx, exam_key: str, image_count: int) -> None:
    """With more images than the test had it is a real exam from now on, whatever leaves it again."""
    tx.execute("DELETE FROM test_marks WHERE exam_key = ? AND image_count < ?", (exam_key, image_count))


def is_test(conn: sqlite3.Connection, exam_key: str, image_count: int) -> bool:
    """Whether all `image_count` images of the exam are those of the test: one more makes it a real exam."""
    row = conn.execute("SELECT image_count FROM test_marks WHERE exam_key = ?", (exam_key,)).fetchone()
    return row is not None and 0 < image_count <= int(row["image_count"])
