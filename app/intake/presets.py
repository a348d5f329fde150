"""Which windows (窗) are offered for an image: a radiographer's usual ones for CT, else the device's and 自动."""

from __future__ import annotations

from app.intake.picture_header import Facts
from app.intake.windows import Voi

AUTOMATIC = "自动"
_LUNG = Voi(name="肺窗", center=-600, width=1500)
_MEDIASTINUM = Voi(name="纵隔窗", center=40, width=350)
_BONE = Voi(name="骨窗", center=450, width=1500)
_BRAIN = Voi(name="脑窗", center=40, width=80)
_SOFT = Voi(name="软组织窗", center=40, width=350)
_ABDOMEN = Voi(name="腹窗", center=45, width=250)

# The first row one of whose words stands in the body part or a description; words in upper case.
_OF_CT: tuple[tuple[tuple[str, ...], tuple[Voi, ...]], ...] = (
    (("CHEST", "THORAX", "LUNG", "胸", "肺"), (_LUNG, _MEDIASTINUM, _BONE)),
    (("SINUS", "ORBIT", "TEMPORAL", "PETROUS", "鼻", "眼", "耳", "颌"), (_BONE, _SOFT, _BRAIN)),
    (("HEAD", "BRAIN", "SKULL", "头", "颅", "脑"), (_BRAIN, _BONE, _SOFT)),
    (("ABDOMEN", "PELVIS", "LIVER", "KIDNEY", "腹", "盆", "肝", "肾"), (_ABDOMEN, _LUNG, _BONE)),
    (("SPINE", "KNEE", "JOINT", "NECK", "EXTREM", "椎", "膝", "关节", "颈", "腕", "踝"), (_SOFT, _BONE)),
)
_OTHER_CT = (_LUNG, _MEDIASTINUM, _BONE)


def presets(facts: Facts, vois: tuple[Voi, ...], automatic: tuple[float, float]) -> tuple[Voi, ...]:
    """At most three, in the order of the keys 1 2 3. `automatic`: (center, width) that shows nearly all of it."""
    if facts.modality == "CT":
        return _of_ct(" ".join((facts.body_part, facts.series_description, facts.study_description)).upper())
    named = tuple(_named(voi, f"设备窗 {number}" if number > 1 else "设备窗") for number, voi in enumerate(vois[:2], 1))
    return (*named, Voi(name=AUTOMATIC, center=automatic[0], width=automatic[1]))


def first_window(facts: Facts, vois: tuple[Voi, ...], offered: tuple[Voi, ...]) -> Voi:
    """What an image is shown in before anybody chose: the device's own window, else the first that is offered."""
    own = vois[0] if vois else offered[0]
    return next((one for one in offered if (one.center, one.width) == (own.center, own.width)), own)


def _of_ct(words: str) -> tuple[Voi, ...]:
    return next((windows for parts, windows in _OF_CT if any(part in words for part in parts)), _OTHER_CT)


def _named(voi: Voi, name: str) -> Voi:
    return Voi(name=name, center=voi.center, width=voi.width, function=voi.function, lut=voi.lut, first=voi.first)
