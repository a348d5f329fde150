"""Pictures of the first set-up, drawn by `tests.gui.shots`."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.gui.look import Look

SIZES = {"100": (1000, 608), "150": (1000, 560)}
SECRET = "2a77be8ebc9c90cd25ccd1d31dce7a77"
CLINIC = {
    "name": "惠康综合门诊部",
    "uscc": "91140100MA0GT12X3Y",
    "fixmedins_code": "H14010500123",
    "fixmedins_name": "惠康综合门诊部",
    "admdvs": "140105",
    "level": "11",
}


def draw_wizard(app: QApplication, look: Look, out: Path, theme: str, scale: str, names: list[str]) -> None:
    from app.gui.ask import Asker
    from app.gui.window import MainWindow
    from app.gui.wizard import Wizard
    from tests.gui.conftest import bury
    from tests.gui.fake_face import NOW, FakeFace
    from tests.gui.fake_setup import CONNECTED, a_stored

    def rest(asker: Asker) -> None:
        for _ in range(150):
            app.processEvents()
            app.thread().msleep(10)
            if asker.idle() and _ > 40:
                break

    def nothing(face: FakeFace, wizard: Wizard) -> None:
        pass

    def wrong(face: FakeFace, wizard: Wizard) -> None:
        row = wizard.step().form.row_of("clinic.uscc")  # type: ignore[attr-defined]
        row.editor.line.setText("9114010")
        row._typed()
        wizard.step().form.rows[0].editor.focus()  # type: ignore[attr-defined]

    def no_ring(face: FakeFace, wizard: Wizard) -> None:
        face.keyring = False
        wizard.step().show_answers()

    def arrives(face: FakeFace, wizard: Wizard) -> None:
        face.arrived += [CONNECTED, a_stored()]

    def refused(face: FakeFace, wizard: Wizard) -> None:
        face.arrived.append(
            {**CONNECTED, "id": "r", "kind": "refused", "title": "DRX_ROOM2 连过来，没有收：要找的 AE 标题不是我们的"}
            | {"advice": "请在设备上把目的 AE 标题改成“CLINIC_AGENT”；或点“改用 STORESCP”，换我们的", "act": "rename"}
            | {"detail": "192.0.2.32 · 要找 STORESCP", "called_ae": "STORESCP"}
        )

    def rehearse(face: FakeFace, wizard: Wizard) -> None:
        wizard.step().begin.click()  # type: ignore[attr-defined]

    def pushed(face: FakeFace, wizard: Wizard) -> None:
        row = wizard.step().forms[0].row_of("destination[0].options.image_mode")  # type: ignore[attr-defined]
        row.editor.show_value("dicom")
        row.editor.activated.emit(0)

    plan: dict[str, tuple[str, Callable[[FakeFace, Wizard], None]]] = {
        "7-wizard-1-region": ("选择地区", nothing),
        "7-wizard-2-clinic": ("机构信息", nothing),
        "7-wizard-2-clinic-wrong": ("机构信息", wrong),
        "7-wizard-3-keys": ("密钥", nothing),
        "7-wizard-3-keys-file": ("密钥", no_ring),
        "7-wizard-4-devices": ("设备与文件夹", nothing),
        "7-wizard-4-devices-arrived": ("设备与文件夹", arrives),
        "7-wizard-4-devices-refused": ("设备与文件夹", refused),
        "7-wizard-5-trial": ("连接测试", nothing),
        "7-wizard-6-rehearsal": ("演练一例", rehearse),
        "7-wizard-7-finish": ("完成", nothing),
        "7-wizard-3-keys-guizhou": ("密钥", nothing),
        "7-wizard-3-keys-guizhou-push": ("密钥", pushed),
        "7-wizard-3-keys-guangyuan": ("密钥", nothing),
    }
    width, height = SIZES[scale]
    for name in [one for one in names or plan if one in plan]:
        step, act = plan[name]
        face = FakeFace()
        regions = [one["name"] for one in face.regions()["regions"]]
        region = next((one for one in regions if one in name), regions[0])
        row = {"name": region, "region": region, "base_url": "http://192.0.2.80:8081", "defaults": {}}
        options = {"dicom_host": "192.0.2.80", "dicom_port": 104} if region == regions[0] else {}
        if step != "选择地区":
            face.document["destination"] = [{**row, "options": options}]
            face.document["clinic"] = dict(CLINIC) if "2-clinic" not in name else {"name": CLINIC["name"]}
        face.draft = {"answers": {}, "step": step}
        window = MainWindow(face, look, now=lambda: NOW, stays=lambda: False, leave=lambda: None)
        window.open_setup()
        wizard, asker = window.wizard, window.asker
        assert wizard is not None
        wizard.resize(width, height)
        wizard.show()
        wizard.activateWindow()
        rest(asker)
        act(face, wizard)
        for _ in range(3):
            rest(asker)
        wizard.grab().save(str(out / f"{name}-{scale}-{theme}.png"))
        wizard.close()
        bury(window)
        gc.collect()
