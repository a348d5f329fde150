"""From an encoded value to its form on the wire and back: tested functions by name, named by the rows of a region.

A converter sees `""` for an unknown value and answers None to leave the field out. Never reads a clock or a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.catalogue.tables import Table

Wire = str | int | float
NO_INSURANCE_CODE = "Z" * 15
MIDNIGHT = " 00:00:00"


@dataclass(frozen=True, kw_only=True)
class Converter:
    """`send(text, values, table)` -> what is sent; `receive(text)` -> the encoded value, None if it can't be told."""

    send: Callable[[str, Mapping[str, str], Table | None], Wire | None]
    receive: Callable[[str], str | None]
    encoding: str = ""
    """How a stored file goes into the request, "" as its reference says."""


def _plain(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return text or None


def _number(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return int(text) if text else None


def _label(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return (table.label(text) if table else "") or None


def _several(separator: str) -> Converter:
    return Converter(
        send=lambda text, values, table: text.replace(",", separator) or None,
        receive=lambda text: ",".join(part for part in text.replace(separator, ",").split(",") if part),
    )


def _fifteen_z(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return text or NO_INSURANCE_CODE


def _ot_if_empty(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return text or "OT"


def _start_or_registered(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return text.partition(" / ")[0] or values.get("registered_at") or None


def _day(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return text[:10] or None


def _midnight(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return f"{text[:10]}{MIDNIGHT}" if text else None


def _years(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    """The age in years with one decimal; an age without a unit is in years."""
    in_a_year = {"M": 12, "D": 365, "H": 365 * 24}.get(values.get("age_unit", ""), 1)
    return round(int(text) / in_a_year, 1) if text else None


def _always(constant: str) -> Converter:
    return Converter(send=lambda text, values, table: constant, receive=_lost)


def _or_audited(text: str, values: Mapping[str, str], table: Table | None) -> Wire | None:
    return text or values.get("audited_at") or None


def _file(encoding: str) -> Converter:
    return Converter(send=_plain, receive=_lost, encoding=encoding)


def _same(text: str) -> str | None:
    return text


def _lost(text: str) -> str | None:
    return None


CONVERTERS: Mapping[str, Converter] = {
    "": Converter(send=_plain, receive=_same),
    "number": Converter(send=_number, receive=_same),
    "label": Converter(send=_label, receive=_lost),
    "comma": _several(","),
    "bar": _several("|"),
    "space": _several(" "),
    "full_comma": _several("，"),
    "joined": Converter(send=_plain, receive=_same),
    "fifteen_z": Converter(send=_fifteen_z, receive=lambda text: "" if text == NO_INSURANCE_CODE else text),
    "ot_if_empty": Converter(send=_ot_if_empty, receive=_same),
    "start_or_registered": Converter(send=_start_or_registered, receive=_lost),
    "day": Converter(send=_day, receive=_lost),
    "midnight": Converter(send=_midnight, receive=lambda text: text[:10]),
    "years": Converter(send=_years, receive=_lost),
    "thirteen_zeros": _always("0" * 13),
    "nine_zeros": _always("0" * 9),
    "or_audited": Converter(send=_or_audited, receive=_lost),
    "file_bytes": _file("bytes"),
    "file_md5": _file("md5"),
    "file_link": _file("link"),
}
"""`joined`: of a report for several exams, the values of all of them, parted by commas (`payload.of_all_exams`)."""

JOINED = ("joined", "fifteen_z")
"""Converters of the rows that carry the values of every exam of a report."""
