"""The application papers of the fake face: the real rules over the settings that a test puts in force."""

from __future__ import annotations

from typing import Any

from app.catalogue.load import load_region
from app.domain.settings import Clinic, DestinationSettings, Settings
from app.engine.papers import Wanted, wanted_of
from app.engine.papers_written import shown_of
from app.errors import NeedsOperator

Json = dict[str, Any]
CLINIC = {"name": "惠康综合门诊部", "uscc": "91140100MA0GT12X3Y"}
STAFF = [
    {"name": "刘慧", "role": "审核医师", "code": "D001"},
    {"name": "张伟明", "role": "报告、审核", "code": "D002", "mssp_id": "MSSP8801508"},
    {"name": "王新", "role": "报告医师"},
]


class FakePapers:
    """Mixed into the fake face."""

    document: Json
    kept_secrets: Json

    def _answer(self, name: str, *arguments: Any) -> None:
        raise NotImplementedError

    def wants_papers(self, region: str) -> None:
        """The clinic uploads to this region and has its doctors on the staff list."""
        row = {"name": region, "region": region, "base_url": "http://192.0.2.80:8081", "options": {}, "defaults": {}}
        self.document["clinic"] = dict(CLINIC)
        self.document["destination"] = [row]
        self.document["signing"] = {"staff": [dict(one) for one in STAFF]}

    def papers(self, destination: str = "", answers: Json | None = None) -> Json:
        self._answer("papers", destination, answers)
        return shown_of(self._of_papers(answers or {}))

    def write_papers(self, path: str, destination: str = "", answers: Json | None = None) -> Json:
        self._answer("write_papers", path, destination, answers)
        return {"path": path, "sheets": ["附件 3"], "doctors": len(self._of_papers(answers or {}).applying)}

    def _of_papers(self, answers: Json) -> Wanted:
        settings = Settings(clinic=Clinic(**self.document["clinic"]), signing=self.document["signing"])
        for row in self.document["destination"]:
            name, region = row["name"], row["region"]
            kept = tuple(self.kept_secrets.get(name, ()))
            place = DestinationSettings(
                name=name, region=region, base_url="", options=row["options"], secret_names=kept
            )
            want = wanted_of(settings, place, load_region(region), answers)
            if want is not None:
                return want
        raise NeedsOperator("没有要交的申请材料", "要材料的平台加进上传目标以后，这里会列出来")
