"""Masks people and secrets in any text that leaves the machine: as they are, in Base64, hex, URL form and \\u escapes.

The same person gets the same mark within one bundle, so rows can be told apart; the marks mean nothing outside it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote_to_bytes

from app.system.log import masked

_HAN_RUN = re.compile(r"[\u3400-\u9fff·]{2,}")
_LATIN_RUN = re.compile(r"[A-Za-z]+(?:[\s^=,.'+-]{1,3}[A-Za-z]+){0,5}")
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{3,63}")
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_URL_FORM = re.compile(r"(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9_.~+-])*%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9_.~+-])*")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:[0-9A-Fa-f]{2}){3,}|[0-9A-Fa-f]{2}(?:[ :][0-9A-Fa-f]{2}){2,})(?![0-9A-Za-z])")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{7,}={0,2}")
_OURS = re.compile(r"E[0-9A-F]{20}|R[0-9A-F]{22}")
"""Exam and report keys: they say which, never who."""
_SURELY_PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")
_LONGEST_NAME = 20
_LEAST_SECRET = 6
_CODECS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")


class Masker:
    """`names`, `numbers`, `secrets`: every one that is known. `salt` is of one bundle and kept nowhere."""

    def __init__(
        self,
        *,
        names: Iterable[str],
        numbers: Iterable[str],
        secrets: Iterable[str],
        places: Iterable[str],
        salt: bytes,
    ) -> None:
        self._salt = salt
        plain = {_plain(name) for name in names}
        self._names = {name for name in plain if len(name) >= 2 and not name.isdigit()}
        self._longest = min(_LONGEST_NAME, max((len(name) for name in self._names), default=2))
        self._numbers = {number.strip().upper() for number in numbers if len(number.strip()) >= 4}
        self._secrets = [form for secret in secrets if len(secret) >= _LEAST_SECRET for form in _forms(secret)]
        self._secret_bytes = [data for secret in secrets if len(secret) >= _LEAST_SECRET for data in _bytes(secret)]
        self._places = sorted({place for place in places if len(place) >= 3}, key=len, reverse=True)

    def mark(self, kind: str, value: str) -> str:
        """<姓名 3f2a>: the same for the same value."""
        return f"<{kind} {hmac.new(self._salt, _plain(value).encode(), hashlib.sha256).hexdigest()[:6]}>"

    def text(self, text: str) -> str:
        """`text` without anything known of people and secrets, and without what looks like it."""
        text = self._coded(_ESCAPED.sub(lambda found: _unescaped(found[0]), text))
        return masked(self._known(text))

    def _known(self, text: str) -> str:
        for form in self._secrets:
            if form.lower() in text.lower():
                text = re.sub(re.escape(form), "<密钥>", text, flags=re.IGNORECASE)
        for place in self._places:
            text = text.replace(place, "<本机>")
        text = _NUMBER.sub(lambda found: self._number(found[0]), text)
        text = _HAN_RUN.sub(lambda found: self._names_in(found[0]), text)
        return _LATIN_RUN.sub(lambda found: self._latin(found[0]), text)

    def _number(self, word: str) -> str:
        if word.upper() in self._numbers:
            return self.mark("号码", word)
        for part in word.split("-"):
            if part.upper() in self._numbers:
                word = word.replace(part, self.mark("号码", part))
        return word

    def _names_in(self, run: str) -> str:
        """Every known name inside a run of Chinese letters, the longest first."""
        done, place = [], 0
        while place < len(run):
            for length in range(min(self._longest, len(run) - place), 1, -1):
                if _plain(run[place : place + length]) in self._names:
                    done.append(self.mark("姓名", run[place : place + length]))
                    place += length
                    break
            else:
                done.append(run[place])
                place += 1
        return "".join(done)

    def _latin(self, run: str) -> str:
        """ZHANG^SAN, Zhang San: any neighbouring words that make a known name."""
        words = [(found.start(), found.end()) for found in re.finditer(r"[A-Za-z]+", run)]
        for first in range(len(words)):
            for last in range(len(words) - 1, first - 1, -1):
                piece = run[words[first][0] : words[last][1]]
                if _plain(piece) in self._names:
                    before, after = run[: words[first][0]], run[words[last][1] :]
                    return before + self.mark("姓名", piece) + self._latin(after)
        return run

    # -- what is written in another form ----------------------------------------------------------------------------

    def _coded(self, text: str) -> str:
        text = self._each(_URL_FORM, text, lambda word: [unquote_to_bytes(word.replace("+", " "))])
        text = self._each(_HEX, text, lambda word: [_unhex(word), _unhex(word)[1:]], anywhere=True)
        return self._each(_BASE64, text, _unbase64_anywhere)

    def _each(
        self, pattern: re.Pattern[str], text: str, decode: Callable[[str], list[bytes]], *, anywhere: bool = False
    ) -> str:
        def shown(found: re.Match[str]) -> str:
            if _OURS.fullmatch(found[0]):
                return found[0]
            reveals = any(self._reveals(data, anywhere) for data in decode(found[0]) if data)
            return f"<编码 {len(found[0])} 个字符>" if reveals else found[0]

        return pattern.sub(shown, text)

    def _reveals(self, data: bytes, anywhere: bool) -> bool:
        """`anywhere`: also between bytes of another writing."""
        if any(secret in data for secret in self._secret_bytes):
            return True
        for codec in _CODECS:
            try:
                inside = data.decode(codec, errors="ignore" if anywhere or codec == "utf-8" else "strict")
            except UnicodeDecodeError:
                continue
            if self._tells(inside):
                return True
        return False

    def _tells(self, inside: str) -> bool:
        """Whether decoded text really names somebody: what chance makes of other bytes is shorter."""
        if _SURELY_PERSONAL.search(inside):
            return True
        if any(word[0].upper() in self._numbers for word in _NUMBER.finditer(inside) if len(word[0]) >= 6):
            return True
        if any(self._names_in(run[0]) != run[0] for run in _HAN_RUN.finditer(inside)):
            return True
        return any(len(run[0]) >= 6 and self._latin(run[0]) != run[0] for run in _LATIN_RUN.finditer(inside))


def _plain(text: str) -> str:
    """A name as names are compared: half-width, no blanks, points and carets, upper case."""
    return re.sub(r"[\s·•^=,.'+-]+", "", unicodedata.normalize("NFKC", text)).upper()


def _unbase64_anywhere(text: str) -> list[bytes]:
    """What may lie in it from each of four beginnings: slashes of a path may stand around it."""
    pieces = dict.fromkeys([text, text.strip("/+_-"), *re.split(r"[/_+-]", text)])
    cut = [text[offset:] for offset in (1, 2, 3)]
    whole = [_unbase64(piece) for piece in pieces if len(piece) >= 7]
    return [*whole, *(_unbase64(one[: len(one) // 4 * 4]) for one in (text, *cut))]


def _bytes(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    for decode in (_unhex, _unbase64):
        data = decode(secret)
        if len(data) >= _LEAST_SECRET:
            yield data


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for data in _bytes(secret):
        yield data.hex()
        yield base64.b64encode(data).decode()
        yield base64.urlsafe_b64encode(data).decode()
        yield base64.b64encode(data).decode().rstrip("=")


def _unescaped(text: str) -> str:
    units = bytes.fromhex(text.replace("\\u", ""))
    return units.decode("utf-16-be", errors="replace")


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(re.sub(r"[ :]", "", text))
    except ValueError:
        return b""


def _unbase64(text: str) -> bytes:
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
