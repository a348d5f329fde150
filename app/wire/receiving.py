"""What the DICOM port hands over and is told, whoever listens there: who sends, an instance, a caller come or gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, Protocol

from app.wire.part10 import file_head

SUCCESS, OUT_OF_RESOURCES, PROCESSING_FAILURE, INVALID_INSTANCE = 0x0000, 0xA700, 0x0110, 0x0117
NOT_AUTHORISED = 0x0124


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who sends: the device's AE title and its address."""

    calling_ae: str
    address: str


class AssociationChange(Enum):
    """What became of a caller; the value is how it is said to a person."""

    OPENED = "连上了"
    RELEASED = "传完并断开"
    ABORTED = "中途断开"
    REFUSED_ADDRESS = "地址不在允许的设备里"
    REFUSED_CALLED_AE = "要找的 AE 标题不是我们的"
    REFUSED_CALLING_AE = "它的 AE 标题不在允许的设备里"
    REFUSED_TOO_MANY = "同时连接的设备太多"
    REFUSED_QUERY = "想来取影像，但不在允许来取的名单里"


@dataclass(frozen=True, kw_only=True)
class AssociationEvent:
    """One caller came, went or was turned away."""

    change: AssociationChange
    source: Source
    called_ae: str

    @property
    def refused(self) -> bool:
        return self.change.name.startswith("REFUSED")


@dataclass(frozen=True, kw_only=True)
class StoreRequest:
    """One instance; `data_set` is valid only until the handler returns, byte for byte what the device sent."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source: Source
    called_ae: str
    data_set: memoryview = field(repr=False)

    def head(self) -> bytes:
        """Preamble and file meta that belong before the data set."""
        return file_head(
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            transfer_syntax_uid=self.transfer_syntax_uid,
            source_ae=self.source.calling_ae,
        )

    def write_to(self, file: BinaryIO) -> None:
        """Write a whole DICOM file. Raises what the file raises: a full disk is the handler's to answer (0xA700)."""
        file.write(self.head())
        file.write(self.data_set)


@dataclass(frozen=True, kw_only=True)
class ReceiverSettings:
    """An empty list allows everyone to send; port 0 takes a free one.

    To find and fetch images only `query_callers` may ask (none: nobody), and those only from `query_addresses` (none:
    from anywhere). `commitment`: whoever may send may ask what is safely kept.
    """

    port: int
    ae_title: str = "IMAGING_AGENT"
    address: str = "0.0.0.0"
    called_aes: tuple[str, ...] = ()
    calling_aes: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    query_callers: tuple[str, ...] = ()
    query_addresses: tuple[str, ...] = ()
    commitment: bool = False
    maximum_associations: int = 20
    maximum_queries: int = 6
    """Of these; a platform that asks too much must not shut the devices out."""
    maximum_lines: int = 200
    """Also of callers who have not said what they want."""
    associate_seconds: float = 30.0
    idle_seconds: float = 120.0


StoreHandler = Callable[[StoreRequest], int]
AssociationHandler = Callable[[AssociationEvent], None]


class Receiver(Protocol):
    """The DICOM port, however it is built."""

    def start(self) -> None:
        """Listen. Raises NeedsOperator when the port cannot be had."""

    def stop(self) -> None:
        """Close the port and every association, within three seconds."""

    @property
    def port(self) -> int:
        """The port it listens on; 0 when stopped."""

    def open_associations(self, source: Source | None = None) -> int:
        """How many associations are open, of one source or of all."""
