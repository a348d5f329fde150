"""A few threads for one list of work: they live as long as it does, and end with the program."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_parallel(work: Sequence[T], do: Callable[[T], bool], *, at_once: int, name: str) -> None:
    """Call `do` with each piece of `work`, `at_once` of them at a time, until one call says False.

    What was begun is finished. Raises the first error of `do` when all threads are done.
    """
    left: queue.SimpleQueue[T] = queue.SimpleQueue()
    for piece in work:
        left.put(piece)
    no_more = threading.Event()
    errors: list[BaseException] = []

    def loop() -> None:
        while not no_more.is_set():
            try:
                piece = left.get_nowait()
            except queue.Empty:
                return
            try:
                go_on = do(piece)
            except BaseException as error:  # a thread must not end in silence: whoever waits for it raises this
                errors.append(error)
                go_on = False
            if not go_on:
                no_more.set()

    count = min(max(1, at_once), len(work))
    threads = [threading.Thread(target=loop, name=f"{name}-{number}", daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
