"""1,000 SM2 signatures checked here, alone and with chain and revocation list, beside OpenSSL's SM2 and P-256.

And how long the main thread ever waits while another one checks them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import threading
import time
from collections.abc import Callable

from app.crypto.certificates import parse_certificate
from app.crypto.chains import check_chain
from app.crypto.public_keys import parse_public_key, was_signed
from app.crypto.revocation import Standing, check_revocation, parse_revocation_list
from app.crypto.signatures import check_signature
from tests.bench.rounds import Missing, Run, interleaved, last_line, machine, program, scratch, table
from tests.crypto import ca

OURS, WHOLE = "agent, SM2 signature", "agent, SM2 signature, chain and list"
P256, OPENSSL = "cryptography, P-256", "openssl speed, SM2 (CPU)"
ORIGINAL = "检查报告原文".encode() * 100
_TICK_SECONDS = 0.005


def main() -> None:
    options = _options()
    with scratch() as folder:
        about = machine(folder)
    runs = _runs(options.signatures)
    taken = interleaved(runs, options.rounds)
    peer = P256
    rows = [
        [
            name,
            f"{taken.median(name):.2f}",
            f"{options.signatures / taken.median(name):.0f}",
            f"{taken.times_faster(name, peer):.4f}",
        ]
        for name in taken
    ]
    print(f"\n{options.signatures} signatures over {len(ORIGINAL)} bytes, {options.rounds} rounds")
    table(("variant", "seconds", "checks/s", f"x {peer}"), rows)
    waited, idle = _longest_wait(runs[OURS]), _longest_wait(lambda: _timed(lambda: time.sleep(1)))
    print(
        f"longest wait of the main thread meanwhile {waited * 1000:.0f} ms (with nothing to check {idle * 1000:.0f} ms)"
    )
    results = {name: round(taken.median(name), 4) for name in taken}
    last_line("signatures", about, results | {"longest_wait_ms": round(waited * 1000), "idle_ms": round(idle * 1000)})


def _runs(count: int) -> dict[str, Run]:
    root = ca.root()
    middle = ca.authority("签发机构", root)
    doctor = ca.doctor(middle)
    signature = doctor.pair.sign(ORIGINAL)
    leaf, between, anchor = (parse_certificate(holder.der) for holder in (doctor, middle, root))
    lists = [parse_revocation_list(ca.revocation_list(middle))]

    def one() -> None:
        check_signature(leaf.public_key, ORIGINAL, signature)

    def whole() -> None:
        one()
        chain = check_chain(leaf, [between], [anchor], ca.NOON)
        assert check_revocation(chain[0], chain[1], lists, ca.NOON) is Standing.GOOD

    def all_of_them() -> None:
        was_signed.cache_clear()
        _times(count, whole)

    pair = ca.p256_pair("bench")
    key, value = parse_public_key(pair.info().dump()), pair.sign(ORIGINAL)
    runs: dict[str, Run] = {
        OURS: lambda: _timed(lambda: _times(count, one)),
        WHOLE: lambda: _timed(all_of_them),
        P256: lambda: _timed(lambda: _times(count, lambda: check_signature(key, ORIGINAL, value))),
    }
    try:
        openssl = program("openssl")
        runs[OPENSSL] = lambda: count / _openssl_checks_per_second(openssl)
    except Missing as error:
        print(error)
    return runs


def _times(count: int, check: Callable[[], None]) -> None:
    for _ in range(count):
        check()


def _timed(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _openssl_checks_per_second(openssl: str) -> float:
    command = [openssl, "speed", "-seconds", "1", "sm2"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    last = said.strip().splitlines()[-1]
    return float(re.findall(r"[\d.]+", last)[-1])


def _longest_wait(run: Run) -> float:
    """How much later than asked a thread that sleeps 5 ms ever wakes, while another thread does `run`."""
    worker = threading.Thread(target=run)
    worker.start()
    longest = 0.0
    while worker.is_alive():
        started = time.perf_counter()
        time.sleep(_TICK_SECONDS)
        longest = max(longest, time.perf_counter() - started - _TICK_SECONDS)
    return longest


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signatures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
