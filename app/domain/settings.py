"""The clinic's settings as the program uses them; every default is the one that setup would choose."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Clinic:
    """The clinic (机构). `level` is the code of the hospital level table."""

    name: str = ""
    uscc: str = ""
    fixmedins_code: str = ""
    fixmedins_name: str = ""
    admdvs: str = ""
    level: str = ""


@dataclass(frozen=True, kw_only=True)
class IntakeSettings:
    """Watched folders and the rule for completeness. `quiet_seconds`: no image for so long, and a study is complete."""

    folders: tuple[str, ...] = ()
    quiet_seconds: float = 60.0
    report_folder: str = ""
    keep_days: int = 90
    """Spool files are kept at least so long after every destination acknowledged them."""
    least_free_mb: int = 500
    """With less room the receiver refuses (0xA700) before anything is damaged."""


@dataclass(frozen=True, kw_only=True)
class Pacs:
    """A PACS that backfill asks by C-FIND and C-MOVE."""

    name: str
    host: str
    port: int
    ae_title: str


@dataclass(frozen=True, kw_only=True)
class DicomSettings:
    """The local DICOM port. An empty allow-list lets every caller in."""

    ae_title: str = "CLINIC_AGENT"
    port: int = 11112
    bind: str = "0.0.0.0"
    allowed_callers: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    pacs: tuple[Pacs, ...] = ()
    commitment: bool = False
    """Whether devices that ask are told what is safely kept; they may delete their own images then."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A DICOM node that takes images."""

    ae_title: str
    host: str
    port: int

    @staticmethod
    def parse(text: str) -> Node:
        """From `AE_TITLE@host:port`. Raises ValueError."""
        ae_title, at, place = text.rpartition("@")
        host, colon, port = place.rpartition(":")
        if not (at and colon and ae_title.strip() and host.strip()):
            raise ValueError("not AE_TITLE@host:port")
        return Node(ae_title=ae_title.strip(), host=host.strip(), port=int(port))


@dataclass(frozen=True, kw_only=True)
class QuerySettings:
    """Who may find and fetch images here (Query/Retrieve). Nobody while it is off or no caller is named."""

    on: bool = False
    callers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Only from these; none: from anywhere."""
    destinations: tuple[str, ...] = ()
    """Where images may be sent when asked for: `AE_TITLE@host:port`."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(Node.parse(one) for one in self.destinations)

    @property
    def takers(self) -> tuple[str, ...]:
        """AE titles under which images may leave: on the caller's own line, or to a destination."""
        return (*self.callers, *(node.ae_title for node in self.nodes)) if self.on else ()


@dataclass(frozen=True, kw_only=True)
class FileService:
    """The file service from which a platform fetches PDFs. Off while `public_base_url` is empty."""

    public_base_url: str = ""
    bind: str = "0.0.0.0"
    port: int = 8180
    allowed_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UploadSettings:
    """`submit`: "manual" or "auto" (a ready study is submitted by itself)."""

    submit: str = "manual"
    workers: int = 2
    retry_first_seconds: float = 5.0
    retry_longest_seconds: float = 1800.0
    reconcile_again_seconds: float = 600.0
    reconcile_at: str = "02:00"


@dataclass(frozen=True, kw_only=True)
class UiSettings:
    """What the window does by itself. `closing`: say how the day stands at `closing_at` (China Standard Time).

    `theme`: "system", "light" or "dark".
    """

    closing: bool = True
    closing_at: str = "17:30"
    theme: str = "system"


@dataclass(frozen=True, kw_only=True)
class HisSettings:
    """What the clinic's HIS gives: files in a folder, a query, or both. The password is not here.

    `refresh_minutes`: the query is asked so often; 0: only when a person asks.
    """

    folder: str = ""
    url: str = ""
    user: str = ""
    query: str = ""
    refresh_minutes: int = 10
    columns: dict[str, str] = field(default_factory=dict)
    """Our field -> the column that fills it."""
    match: dict[str, str] = field(default_factory=dict)
    """accession, id_number, name, day -> the column that says which exam a row belongs to."""

    @property
    def mapped(self) -> bool:
        return bool(self.columns and self.match)


@dataclass(frozen=True, kw_only=True)
class DestinationSettings:
    """One destination (上传目标): a region's platform under one name of ours. Secrets are not here."""

    name: str
    region: str
    base_url: str
    options: dict[str, object] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    """Field key -> value that its exams start with; codes are those of its region."""
    secret_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one home."""

    clinic: Clinic = field(default_factory=Clinic)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    dicom: DicomSettings = field(default_factory=DicomSettings)
    query: QuerySettings = field(default_factory=QuerySettings)
    files: FileService = field(default_factory=FileService)
    upload: UploadSettings = field(default_factory=UploadSettings)
    ui: UiSettings = field(default_factory=UiSettings)
    secret_store: str = "keyring"
    destinations: tuple[DestinationSettings, ...] = ()
    signing: dict[str, object] = field(default_factory=dict)
    his: HisSettings = field(default_factory=HisSettings)
