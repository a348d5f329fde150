"""申请材料 to take away: as text to copy, and the prefilled workbook. Says nothing that `papers` does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.catalogue.papers import Paper
from app.engine.face import Json
from app.engine.house import House
from app.engine.papers import Wanted, told, wanted
from app.errors import NeedsOperator
from app.intake.workbook import Leaf, write_workbook

_SPARE_ROWS = 3
"""Empty lines after the last doctor, for those whom the staff list does not have yet."""
_OVERVIEW = ("材料", "名称", "份数", "怎么准备", "还要您填")
_OVERVIEW_WIDE = (9, 34, 20, 56, 34)
_FORM_WIDE = (28, 56)
_PHONE_WIDE = (6, 84)
_PHONE = "审核医师用手机签名"


def shown(house: House, destination: str = "", answers: Json | None = None) -> Json:
    """As `papers` of the face."""
    return shown_of(wanted(house, destination, answers))


def shown_of(want: Wanted) -> Json:
    said = told(want)
    return said | {"text": _text(said), "phone_text": _phone_text(said)}


def write_papers(house: House, path: Path, destination: str = "", answers: Json | None = None) -> Json:
    """As `write_papers` of the face."""
    if path.suffix.lower() != ".xlsx":
        raise NeedsOperator(f"{path.name} 不是 Excel 表格的名字", "请存成 .xlsx 文件")
    want = wanted(house, destination, answers)
    said = told(want)
    leaves = [_overview(said), *_forms(want), *_phone_leaf(said)]
    write_workbook(path, leaves)
    return {"path": str(path), "sheets": [one.tab for one in leaves], "doctors": len(want.applying)}


def _text(said: Json) -> str:
    """All of it for a message to somebody."""
    lines = [f"{said['title']}：要交 {len(said['papers'])} 样材料", said["hand_in"], *said["doubts"]]
    for one in said["papers"]:
        lines += ["", " · ".join(part for part in (one["number"], one["title"], one["copies"]) if part)]
        lines += [f"  {part}" for part in _preparing(one)]
        lines += [f"  还要填：{'、'.join(one['missing'])}"] if one["missing"] else []
    lines += ["", "平台发回来以后，填进程序的设置"]
    lines += [f"  {one['title']}：{one['where']} · {one['words']}" for one in said["returns"]]
    return "\n".join(lines)


def _phone_text(said: Json) -> str:
    """For the doctor, "" when nothing is done on a phone."""
    steps = [f"{place}. {step}" for place, step in enumerate(said["phone"]["steps"], start=1)]
    notes = [f"· {one}" for one in said["phone"]["notes"]]
    return "\n".join([_PHONE, *steps, "", *notes]) if steps else ""


def _preparing(paper: Json) -> list[str]:
    return [*paper["prepare"], *([paper["doubt"]] if paper["doubt"] else [])]


# -- the workbook -----------------------------------------------------------------------------------------------------


def _overview(said: Json) -> Leaf:
    rows = [
        (one["number"], one["title"], one["copies"], "\n".join(_preparing(one)), "、".join(one["missing"]))
        for one in said["papers"]
    ]
    notes = [("", "交给谁", "", said["hand_in"], ""), *(("", "注意", "", one, "") for one in said["doubts"])]
    return Leaf(
        tab="要交的材料",
        heading=f"{said['title']} · 申请材料",
        header=_OVERVIEW,
        rows=[*rows, *notes],
        widths=_OVERVIEW_WIDE,
        wide=True,
    )


def _forms(want: Wanted) -> Iterator[Leaf]:
    """A sheet for each paper of which something is known here."""
    for one in want.papers:
        if one.lines:
            yield _form(want, one)
        if one.columns:
            yield _list(want, one)


def _form(want: Wanted, paper: Paper) -> Leaf:
    rows = [(f"{line.label} *" if line.needed else line.label, text) for line, text in want.lines(paper)]
    return Leaf(tab=paper.number, heading=_heading(paper), header=(), rows=rows, widths=_FORM_WIDE)


def _list(want: Wanted, paper: Paper) -> Leaf:
    doctors = [
        [want.cell(column, place, doctor) for column in paper.columns]
        for place, doctor in enumerate(want.applying, start=1)
    ]
    return Leaf(
        tab=paper.number,
        heading=_heading(paper),
        header=[column.label for column in paper.columns],
        rows=[*doctors, *([""] * len(paper.columns) for _ in range(_SPARE_ROWS))],
        widths=[column.width for column in paper.columns],
        wide=True,
    )


def _heading(paper: Paper) -> str:
    return f"{paper.number} · {paper.title}"


def _phone_leaf(said: Json) -> Iterator[Leaf]:
    steps = [(str(place), step) for place, step in enumerate(said["phone"]["steps"], start=1)]
    notes = [("", note) for note in said["phone"]["notes"]]
    if steps:
        yield Leaf(tab="医生手机上", heading=_PHONE, header=(), rows=[*steps, *notes], widths=_PHONE_WIDE)
