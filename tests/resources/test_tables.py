"""The code tables in `resources/`: their size and the rules every row must keep. Reads the files only."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

RESOURCES = Path(__file__).parents[2] / "resources"
HEADER = ["code", "label", "pinyin", "note", "doubt"]

SHARED_ROWS = {
    "age_unit": 4,
    "charge_type": 10,
    "division": 34,
    "ethnic_group": 56,
    "exam_way": 10,
    "hospital_level": 14,
    "id_type": 25,
    "marital_status": 8,
    "occupation": 13,
    "patient_type": 4,
    "positive_mark": 3,
    "radiology_code": 481,
    "sex": 4,
    "yes_no": 2,
}
REGION_ROWS = {
    "guangyuan": {"exam_way": 3, "img_exam_type": 6, "positive_mark": 3},
    "guizhou": {"charge_type": 3, "exam_way": 9, "img_exam_type": 5, "positive_mark": 3},
    "shanxi": {
        "card_type": 10,
        "check_status": 5,
        "dep": 11,
        "disable_flag": 2,
        "exam_status": 5,
        "film_type": 3,
        "id_type": 13,
        "img_exam_type": 6,
        "last_audit": 2,
        "mutual_item": 320,
        "pay_status": 2,
        "positive_mark": 3,
        "print_status": 3,
        "recognition_mark": 2,
        "reconcile_type": 6,
        "report_status": 7,
        "sign_type": 2,
    },
}
SEARCHED = {"division", "ethnic_group", "mutual_item", "radiology_code"}
EXTRA_COLUMNS = {
    "division": ["letters"],
    "ethnic_group": ["letters", "romanization"],
    "mutual_item": ["category", "part"],
}
# items per body part, in the order of the document; a code is category + part + running number + 2506
MUTUAL_SERIES = {
    "DR": [12, 14, 2, 24, 6, 23, 8, 31],
    "CT": [38, 17, 12, 6, 5, 8, 14, 18, 2],
    "MR": [16, 11, 6, 8, 14, 4, 11, 8, 2],
}


def table_files() -> list[Path]:
    """Every code table, shared and regional."""
    return sorted([*RESOURCES.glob("tables/*.csv"), *RESOURCES.glob("regions/*/tables/*.csv")])


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of one table by column name; a row longer or shorter than the header fails."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return [dict(zip(header, row, strict=True)) for row in rows]


def shared(name: str) -> list[dict[str, str]]:
    return rows_of(RESOURCES / "tables" / f"{name}.csv")


def mutual_items() -> list[dict[str, str]]:
    (path,) = RESOURCES.glob("regions/shanxi/tables/mutual_item.csv")
    return rows_of(path)


def translated(path: Path) -> bool:
    """Whether it is a region's own table beside a shared one."""
    return path.parts[-4] == "regions" and (RESOURCES / "tables" / path.name).exists()


every_table = pytest.mark.parametrize("path", table_files(), ids=lambda path: str(path.relative_to(RESOURCES)))


def test_the_shared_tables_are_all_there_and_have_every_row() -> None:
    assert {path.stem: len(rows_of(path)) for path in RESOURCES.glob("tables/*.csv")} == SHARED_ROWS


@pytest.mark.parametrize("region", REGION_ROWS)
def test_a_regions_tables_are_all_there_and_have_every_row(region: str) -> None:
    found = {path.stem: len(rows_of(path)) for path in (RESOURCES / "regions" / region / "tables").glob("*.csv")}
    assert found == REGION_ROWS[region]


@every_table
def test_a_table_is_plain_utf8_with_the_agreed_header(path: Path) -> None:
    data = path.read_bytes()
    assert not data.startswith(b"\xef\xbb\xbf")
    header = data.decode("utf-8").splitlines()[0].split(",")
    told = ["ours"] if translated(path) else []
    assert header == HEADER + EXTRA_COLUMNS.get(path.stem, []) + told


def test_exactly_the_tables_that_stand_beside_a_shared_one_say_what_their_codes_are_there() -> None:
    own = {path.stem for path in RESOURCES.glob("regions/*/tables/*.csv") if translated(path)}
    assert own == {"charge_type", "exam_way", "id_type", "positive_mark"}


@every_table
def test_codes_are_unique_within_a_table(path: Path) -> None:
    counted = Counter(row["code"] for row in rows_of(path))
    assert [code for code, count in counted.items() if count > 1] == []


@every_table
def test_labels_are_unique_within_a_table(path: Path) -> None:
    counted = Counter(row["label"] for row in rows_of(path))
    assert [label for label, count in counted.items() if count > 1] == []


@every_table
def test_no_code_or_label_is_blank_or_padded(path: Path) -> None:
    for row in rows_of(path):
        assert row["code"], row
        assert row["label"], row
        assert all(value == value.strip() for value in row.values()), row


@every_table
def test_initials_have_one_letter_per_character(path: Path) -> None:
    for row in rows_of(path):
        if path.stem not in SEARCHED and row["pinyin"] == "":
            continue
        assert re.fullmatch(r"[a-z0-9]+", row["pinyin"]), row
        assert len(row["pinyin"]) == sum(character.isalnum() for character in row["label"]), row


@every_table
def test_a_doubt_is_a_chinese_sentence(path: Path) -> None:
    for row in rows_of(path):
        assert row["doubt"] == "" or re.search(r"[一-鿿]{4}", row["doubt"]), row


def test_all_56_ethnic_groups_stand_once_under_01_to_56() -> None:
    rows = shared("ethnic_group")
    assert [row["code"] for row in rows] == [f"{number:02d}" for number in range(1, 57)]
    assert all(row["label"].endswith("族") for row in rows)
    assert len({row["letters"] for row in rows}) == 56
    assert all(re.fullmatch(r"[A-Z]{2}", row["letters"]) for row in rows)


def test_damaged_ethnic_names_are_repaired() -> None:
    names = {row["code"]: row["label"] for row in shared("ethnic_group")}
    assert names["01"] == "汉族"
    assert [names[code] for code in ("21", "25", "32", "36", "43", "55")] == [
        "佤族",
        "水族",
        "仫佬族",
        "毛南族",
        "乌孜别克族",
        "珞巴族",
    ]


def test_the_34_divisions_have_province_codes_and_their_own_letters() -> None:
    rows = shared("division")
    assert len(rows) == 34
    assert all(re.fullmatch(r"[1-8]\d0000", row["code"]) for row in rows)
    assert all(re.fullmatch(r"[A-Z]{2}", row["letters"]) for row in rows)
    assert len({row["letters"] for row in rows}) == 34
    assert {row["code"]: row["letters"] for row in rows}["520000"] == "GZ"


def test_a_radiology_code_has_nine_characters_or_a_doubt() -> None:
    for row in shared("radiology_code"):
        assert re.fullmatch(r"B[A-HJ-NP-Z0-9]*", row["code"]), row
        assert len(row["code"]) == 9 or (len(row["code"]) < 9 and row["doubt"]), row


def test_the_third_character_of_a_radiology_code_tells_ct_from_mr_from_x_ray() -> None:
    for row in shared("radiology_code"):
        expected = "2" if "CT" in row["label"] else "3" if "MR" in row["label"] else "0"
        assert row["code"][2] == expected or len(row["code"]) < 9, row


def test_every_mutual_recognition_code_continues_its_series() -> None:
    expected = [
        f"{category}{part:02d}{number:03d}2506"
        for category, counts in MUTUAL_SERIES.items()
        for part, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    assert [row["code"] for row in mutual_items()] == expected


def test_mutual_recognition_items_are_120_dr_120_ct_80_mr() -> None:
    assert Counter(row["category"] for row in mutual_items()) == {"DR": 120, "CT": 120, "MR": 80}


def test_a_mutual_recognition_item_has_the_category_and_body_part_of_its_code() -> None:
    parts: dict[str, set[str]] = {}
    for row in mutual_items():
        assert row["code"].startswith(row["category"]), row
        parts.setdefault(row["code"][:4], set()).add(row["part"])
    assert len(parts) == 26
    assert all(len(names) == 1 and "" not in names for names in parts.values()), parts


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("id_type", r"\d{2}"),
        ("img_exam_type", r"\d"),
        ("dep", r"\d{1,2}"),
        ("exam_way", r"\d"),
        ("positive_mark", r"\d"),
        ("charge_type", r"\d{2}"),
    ],
)
def test_number_codes_keep_their_printed_width(name: str, pattern: str) -> None:
    for path in RESOURCES.glob(f"regions/*/tables/{name}.csv"):
        if path.parts[-3] in REGION_ROWS:
            assert all(re.fullmatch(pattern, row["code"]) for row in rows_of(path))


def test_the_shared_marks_of_a_finding_are_letters_that_no_region_uses() -> None:
    """A region's 1 is another's 2: what is kept must not look like either."""
    assert [row["code"] for row in shared("positive_mark")] == ["N", "P", "U"]


def test_shared_document_types_have_three_digits_as_the_standard() -> None:
    assert all(re.fullmatch(r"\d{3}", row["code"]) for row in shared("id_type"))


def test_reconciliation_types_cover_exactly_the_exam_types() -> None:
    for path in RESOURCES.glob("regions/*/tables/reconcile_type.csv"):
        types = [row["code"] for row in rows_of(path.with_name("img_exam_type.csv"))]
        assert [row["code"] for row in rows_of(path)] == types
