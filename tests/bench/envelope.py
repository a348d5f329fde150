"""Seconds to encrypt and to wrap a 10 MB report for each platform, beside openssl and gmssl's own pure Python."""

from __future__ import annotations

import argparse
import base64
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gmssl.sm4 import SM4_ENCRYPT, CryptSM4

from app.catalogue.load import load_region
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb
from app.regions.adapters import ADAPTERS
from app.regions.conversation import HttpRequest, Stamp
from tests.bench.rounds import Missing, Run, interleaved, last_line, machine, program, run_together, scratch, table

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")  # the example key of GB/T 32907
GMSSL_BYTES = 100_000
SM4, OPENSSL, GMSSL = "agent sm4", "openssl sm4-ecb (whole process)", "gmssl (scaled)"


def a_report(size: int) -> bytes:
    """A JSON body of about `size` bytes, nearly all of it a file in Base64."""
    return json.dumps({"report": base64.b64encode(os.urandom(size * 3 // 4)).decode("ascii")}).encode("ascii")


def wrapper(region: str = "") -> Callable[[bytes], bytes]:
    """What makes of a body the one which that platform (or the first of the table) gets."""
    name = region or next(iter(ADAPTERS))
    adapter = ADAPTERS[name](load_region(name), {"hospital_code": "91140000MA0000000X"}, {"sm4_key": KEY.hex()})
    request, now = HttpRequest(step="report", path="/", body={}), datetime(2026, 1, 5, tzinfo=UTC)
    return lambda body: adapter.wrap(request, body, Stamp(now=now)).body


def main() -> None:
    options = _options()
    with scratch() as folder:
        about = machine(folder)
        body = a_report(options.megabytes * 1_000_000)
        assert decrypt_ecb(KEY, encrypt_ecb(KEY, body)) == body
        taken = interleaved(_runs(folder, body), options.rounds)
        peer = OPENSSL if OPENSSL in taken else GMSSL
        rows = [
            [
                name,
                f"{taken.median(name):.3f}",
                f"{taken.times_faster(name, peer):.2f}",
                f"{taken.times_faster(name, GMSSL):.0f}",
            ]
            for name in taken
        ]
        print(f"\na body of {len(body) / 1e6:.1f} MB, {options.rounds} rounds")
        table(("variant", "seconds", f"x {peer}", "x gmssl"), rows)
        last_line("envelope", about, {name: round(taken.median(name), 4) for name in taken})


def _runs(folder: Path, body: bytes) -> dict[str, Run]:
    runs: dict[str, Run] = {SM4: lambda: _timed(lambda: encrypt_ecb(KEY, body))}
    for region in ADAPTERS:
        runs[f"agent wrap, {region}"] = _wrap_run(region, body)
    plain = folder / "plain"
    plain.write_bytes(body)
    try:
        command = [program("openssl"), "enc", "-sm4-ecb", "-K", KEY.hex(), "-in", str(plain), "-out", os.devnull]
        runs[OPENSSL] = lambda: run_together([command])
    except Missing as error:
        print(error)
    runs[GMSSL] = lambda: _gmssl(body)
    return runs


def _wrap_run(region: str, body: bytes) -> Run:
    wrap = wrapper(region)
    return lambda: _timed(lambda: wrap(body))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _gmssl(body: bytes) -> float:
    """100 KB of it, scaled up: the whole takes half a minute."""
    cipher = CryptSM4()
    cipher.set_key(KEY, SM4_ENCRYPT)
    return _timed(lambda: cipher.crypt_ecb(body[:GMSSL_BYTES])) * len(body) / GMSSL_BYTES


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
