"""One clinic, two platforms: one is dead for a day, the other feels nothing; what is corrected goes to both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.engine.face import Json

from .clocked import Ahead
from .national import (
    GUANGYUAN,
    GUIZHOU,
    IMAGES,
    UPLOADED,
    a_place,
    as_kept,
    as_made,
    everything,
    files_offered,
    from_the_device,
    index_of,
    kept,
    national_fill,
    row_of,
    until,
)
from .world import Agent, Practice, a_destination, answers, free_port

SHANXI = "shanxi"
TITLES = {GUIZHOU: "贵州省医保影像云", GUANGYUAN: "广元市医保影像云", SHANXI: "山西省医疗数字影像云平台"}
DAY = 24 * 3600


@dataclass
class Clinic:
    agent: Agent
    platforms: dict[str, Practice]
    ahead: Ahead

    def pass_(self, seconds: float) -> None:
        """Time goes by, here and at the platforms."""
        self.ahead.pass_(seconds)
        for practice in self.platforms.values():
            if practice.runs:
                practice.clock(self.ahead.seconds)

    def job(self, uid: str, region: str, part: str = "exam") -> Json:
        return [one for one in self.agent.study(uid)["jobs"] if (one["destination"], one["part"]) == (region, part)][-1]

    def states(self, uid: str, region: str) -> set[str]:
        newest = {one["part"]: one["state"] for one in self.agent.study(uid)["jobs"] if one["destination"] == region}
        return set(newest.values())

    def shown(self, uid: str) -> dict[str, str]:
        """Destination -> its state, as the queue shows it."""
        rows = self.agent.face.jobs()["rows"]
        return {
            row["destination"]: row["state"] for row in rows if row["exam_key"] == row_of(self.agent, uid)["exam_key"]
        }

    def timeline(self, uid: str) -> list[str]:
        lines = self.agent.study(uid)["timeline"]
        return [" · ".join(part for part in (line["words"], line["detail"]) if part) for line in lines]


@contextmanager
def a_clinic(folder: Path, *regions: str) -> Iterator[Clinic]:
    """Set up for these platforms, all running."""
    with ExitStack() as stack:
        platforms: dict[str, Practice] = {}
        for region in regions:
            words = ["--no-signature"] if region == SHANXI else []
            platforms[region] = Practice(folder / region, region, *words)
            stack.callback(platforms[region].kill)
        places = [
            a_destination(practice, region) if region == SHANXI else a_place(practice, region)
            for region, practice in platforms.items()
        ]
        agent, ahead = Agent(folder / "agent"), Ahead(folder / "seconds")
        stack.callback(agent.kill)
        agent.set_up(answers(None, port=free_port(), destination=places, files=files_offered()))
        agent.program = ("-m", "tests.journeys.clocked", str(ahead.path))
        agent.start()
        yield Clinic(agent, platforms, ahead)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with a_clinic(tmp_path_factory.mktemp("two"), GUIZHOU, GUANGYUAN) as made:
        yield made


@pytest.mark.parametrize(("dead", "alive"), [(GUIZHOU, GUANGYUAN), (GUANGYUAN, SHANXI)])
def test_one_that_is_dead_for_a_day_holds_up_no_other(dead: str, alive: str, tmp_path: Path, pdf: Path) -> None:
    with a_clinic(tmp_path, dead, alive) as clinic:
        clinic.platforms[dead].kill()
        exams: dict[str, list[Path]] = {}
        for number in range(4):
            if number % 2 == 0:
                uid, paths = from_the_device(clinic.agent, tmp_path / str(number), 3, accession=f"ACC{number}")
                exams[uid] = paths
                clinic.agent.fill_and_submit(uid, national_fill(), pdf)
            a_quarter_of_a_day_without(clinic, dead, alive, list(exams))
        what_is_told_meanwhile(clinic, dead, alive, list(exams))
        clinic.platforms[dead].start()
        clinic.pass_(3600)
        both_have_it_once(clinic, dead, alive, exams)


def a_quarter_of_a_day_without(clinic: Clinic, dead: str, alive: str, uids: list[str]) -> None:
    agent = clinic.agent

    def tries() -> list[int]:
        return [clinic.job(uid, dead)["attempts"] for uid in uids]

    agent.wait_for(lambda: all(clinic.states(uid, alive) <= set(UPLOADED) for uid in uids), what="the one that lives")
    agent.wait_for(lambda: all(tries()), what="the other to be tried")
    before = tries()
    clinic.pass_(DAY / 4)
    agent.wait_for(lambda: all(now > then for now, then in zip(tries(), before, strict=True)), what="another try")
    states = {row_of(agent, uid)["state"] for uid in uids}
    assert states <= {"waiting", "sending"}, "never green while one of them lacks it"


def what_is_told_meanwhile(clinic: Clinic, dead: str, alive: str, uids: list[str]) -> None:
    agent, no_answer = clinic.agent, f"{TITLES[dead]}连不上，对方没有开门"
    status = agent.cli("status").json
    told = {one["name"]: one["trouble"] for one in status["destinations"]}
    assert (told[dead], told[alive]) == (no_answer, "")
    assert status["look"] != "confirmed" and status["needs_you"] == [], "nobody can do anything about it"
    for uid in uids:
        lines = clinic.timeline(uid)
        assert f"平台已接收 · {TITLES[alive]} · 检查记录" in lines
        assert not any(TITLES[dead] in line for line in lines if "已接收" in line)
        agent.wait_for(lambda uid=uid: clinic.job(uid, dead)["state"] == "waiting", what="the wait")  # type: ignore[misc]
        trouble = clinic.job(uid, dead)["trouble"]
        assert (trouble["title"], trouble["turn"]) == (no_answer, "automatic")


def both_have_it_once(clinic: Clinic, dead: str, alive: str, exams: dict[str, list[Path]]) -> None:
    agent = clinic.agent
    for uid in exams:
        until(agent, uid, *UPLOADED)
        assert {*clinic.states(uid, dead), *clinic.states(uid, alive)} <= set(UPLOADED)
        lines = clinic.timeline(uid)
        expected = [f"平台已接收 · {TITLES[region]} · 检查记录" for region in (alive, dead)]
        assert [line for line in lines if "已接收" in line and "检查记录" in line] == expected
        assert all(
            any(title in line for title in TITLES.values()) for line in lines if "平台" in line or "提交" in line
        )
    made = as_made(path for paths in exams.values() for path in paths)
    for practice in clinic.platforms.values():
        agent.wait_for(lambda practice=practice: as_kept(practice) == made, what="the images")  # type: ignore[misc]
        assert {(one["received"], one["version"]) for one in everything(practice, "exams")} == {(1, 1)}
        assert len(kept(practice, "exams")) == len(exams)
    agent.wait_for(lambda: not any(one["trouble"] for one in agent.face.status()["destinations"]), what="no trouble")


def test_a_correction_goes_to_both_and_the_timeline_says_so(clinic: Clinic, tmp_path: Path, pdf: Path) -> None:
    agent = clinic.agent
    uid, _ = from_the_device(agent, tmp_path / "ct")
    agent.fill_and_submit(uid, national_fill(), pdf)
    until(agent, uid, *UPLOADED)
    agent.cli("fill", uid, "--set", "findings=右肺中叶见小结节。")
    assert agent.cli("submit", uid).json["jobs"] == 2, "a record each; neither images nor PDF changed"
    until(agent, uid, *UPLOADED)
    for region, practice in clinic.platforms.items():
        (exam,) = kept(practice, "exams", index_of(agent, uid, region))
        assert (exam["version"], exam["received"], exam["fields"]["imgDscr"]) == (2, 2, "右肺中叶见小结节。")
    city = everything(clinic.platforms[GUIZHOU], "images", index_of(agent, uid, GUIZHOU))
    assert len(city) == IMAGES and {one["received"] for one in city} == {1}
    lines = clinic.timeline(uid)
    for region in clinic.platforms:
        assert lines.count(f"提交上传 · {TITLES[region]} · 检查记录") == 2, lines
        assert any(line.startswith(f"平台已接收 · {TITLES[region]} · 检查记录 · 第 2 版") for line in lines), lines

    # withdrawn where that can be done; the other is told by telephone
    said = agent.cli("withdraw", uid)
    assert said.json["jobs"] == 1 and "请打电话请平台删除" in said.json["skipped"][0]["why"]
    codes = {region: index_of(agent, uid, region) for region in clinic.platforms}
    agent.wait_for(lambda: kept(clinic.platforms[GUIZHOU], "exams", codes[GUIZHOU]) == [], what="the deletion")
    assert len(kept(clinic.platforms[GUANGYUAN], "exams", codes[GUANGYUAN])) == 1
    agent.wait_for(lambda: clinic.shown(uid)[GUIZHOU] == "withdrawn", what="the city's part to be withdrawn")
    assert clinic.shown(uid)[GUANGYUAN] == "acknowledged"


def test_what_only_one_asks_for_holds_up_that_one_alone(clinic: Clinic, tmp_path: Path, pdf: Path) -> None:
    agent = clinic.agent
    uid, _ = from_the_device(agent, tmp_path / "ct")
    agent.face.fill(uid, **national_fill(exam_dept_name=""))
    agent.face.attach(uid, str(pdf))
    said = agent.cli("submit", uid)
    (left,) = said.json["skipped"]
    assert left["destination"] == GUIZHOU and left["why"].startswith(f"{TITLES[GUIZHOU]}：还差 1 项：检查执行科室")
    agent.wait_for(lambda: clinic.states(uid, GUANGYUAN) == {"acknowledged"}, what="the other to have it")
    assert row_of(agent, uid)["state"] == "to_fill"
    agent.cli("fill", uid, "--set", "exam_dept_name=放射科")
    agent.cli("submit", uid)
    until(agent, uid, *UPLOADED)
    (city,), (index,) = (
        kept(clinic.platforms[region], "exams", index_of(agent, uid, region)) for region in (GUIZHOU, GUANGYUAN)
    )
    assert city["key"] + "-52140000MJ00000075" == index["key"], "with who stores the images, or without"
    assert (city["received"], index["received"]) == (1, 2), "what one lacked, the other takes as a correction"
    assert city["fields"]["examDeptName"] == index["fields"]["examDeptName"] == "放射科"
