"""Whom the clinic trusts: the certificates of its CA, and the lists of those that the CA took back. Reads no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from app.crypto.certificates import Certificate
from app.crypto.chains import Chain, Purpose, check_chain
from app.crypto.refusals import SignatureRefused
from app.crypto.revocation import RevocationList, Standing, check_revocation, parse_revocation_list
from app.domain.signing import Check
from app.errors import AgentError

CHAIN, REVOCATION = "证书链", "证书吊销"
Fetch = Callable[[str], bytes]
"""The revocation list of an address or file, an earlier copy among them. Raises AgentError."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """`roots` empty: the clinic has not said which CA it trusts, so chains and revocation stay open.

    `places`: files and addresses of revocation lists beside those that the certificates themselves name.
    """

    roots: tuple[Certificate, ...] = ()
    pool: tuple[Certificate, ...] = ()
    places: tuple[str, ...] = ()
    fetch: Fetch | None = None

    def check(
        self,
        leaf: Certificate,
        between: tuple[Certificate, ...],
        at: datetime,
        purpose: Purpose = Purpose.SIGNING,
        *,
        standing_at: datetime | None = None,
    ) -> list[Check]:
        """The chain at `at`, and its revocation at `standing_at` (`at` without one).

        Raises SignatureRefused for a certificate that does not hold.
        """
        if not self.roots:
            return [
                Check(title=CHAIN, ok=None, words="还没有放 CA 的根证书，没有核对"),
                Check(title=REVOCATION, ok=None, words="没有根证书，没有核对"),
            ]
        chain = check_chain(leaf, (*between, *self.pool), self.roots, at, purpose=purpose)
        names = " ← ".join(one.subject for one in chain)
        return [Check(title=CHAIN, ok=True, words=names), self._revocation(chain, standing_at or at)]

    def _revocation(self, chain: Chain, at: datetime) -> Check:
        """Unreachable or old lists are said and hold nothing up; a certificate that a list names is refused."""
        lists, troubles = self._lists(chain)
        worst = Standing.GOOD
        for own, issuer in pairwise(chain):
            standing = check_revocation(own, issuer, lists, at)
            if standing is not Standing.GOOD and own is chain[0]:
                worst = standing
        if worst is Standing.GOOD:
            return Check(title=REVOCATION, ok=True, words="没有被吊销")
        if worst is Standing.STALE:
            return Check(title=REVOCATION, ok=None, words="吊销列表过期了，按旧的列表没有被吊销")
        why = troubles[0] if troubles else "CA 没有给吊销列表的地址"
        return Check(title=REVOCATION, ok=None, words=f"没有核对：{why}")

    def _lists(self, chain: Chain) -> tuple[list[RevocationList], list[str]]:
        found, troubles = [], []
        addresses = [address for one in chain for address in one.crl_addresses if _is_web(address)]
        for place in dict.fromkeys((*self.places, *addresses)):
            if self.fetch is None:
                continue
            try:
                found.append(_read(self.fetch(place)))
            except AgentError as error:
                troubles.append(error.title)
            except SignatureRefused:
                troubles.append("吊销列表读不出来")
        return found, troubles


@lru_cache(maxsize=8)
def _read(content: bytes) -> RevocationList:
    """Read once as long as it is the same: a list may have 100,000 entries."""
    return parse_revocation_list(content)


def _is_web(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def anchors(found: Sequence[Certificate]) -> tuple[tuple[Certificate, ...], tuple[Certificate, ...]]:
    """What is trusted by itself - roots, and what nobody at hand issued - and what may stand between."""
    named = {one.subject_name for one in found}
    roots = tuple(one for one in found if one.is_self_issued or one.issuer_name not in named)
    return roots, tuple(one for one in found if one not in roots)
