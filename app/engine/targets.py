"""Builds the destinations from settings and secrets; one that can't be built is a fault of its own, not of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.catalogue.codes import load_codes
from app.catalogue.load import load_region
from app.delivery.target import Target, options_of
from app.delivery.verdict import Judge
from app.domain.settings import DestinationSettings, Settings
from app.engine.settings import secrets_of
from app.errors import AgentError, NeedsOperator
from app.regions.adapters import ADAPTERS
from app.regions.conversation import DicomSend, Outgoing, Request
from app.system.secrets import SecretStore
from app.wire.http_client import HttpClient


def build_targets(settings: Settings, secrets: SecretStore) -> tuple[dict[str, Target], dict[str, AgentError]]:
    """(destination name -> Target, destination name -> why it can't work)."""
    targets: dict[str, Target] = {}
    faults: dict[str, AgentError] = {}
    for destination in settings.destinations:
        try:
            targets[destination.name] = build_target(settings, destination, secrets_of(destination, secrets))
        except AgentError as error:
            faults[destination.name] = error
    return targets, faults


def build_target(settings: Settings, destination: DestinationSettings, secrets: Mapping[str, str]) -> Target:
    """One destination as delivery works with it. Raises NeedsOperator for what is missing or wrong."""
    if destination.region not in ADAPTERS:
        raise NeedsOperator("这个地区还没有接上", "请在设置里换一个地区，或升级程序", page="destination")
    region = load_region(destination.region)
    options = options_of(region, destination, settings)
    overrides = dict(options.pop("fields", {}))
    title = region.title
    region = region.with_options(options)
    target = Target(
        name=destination.name,
        title=title,
        base_url=destination.base_url,
        region=region,
        adapter=ADAPTERS[destination.region](region, options, secrets),
        judge=Judge(
            load_codes(destination.region),
            region.options["replies"],
            by_code_alone=options.get("success_by") == "code",
        ),
        http=HttpClient(name=title),
        options=options,
        defaults=destination.defaults,
        practice=bool(options.get("practice", False)),
    )
    region = region.with_overrides(overrides)
    return replace(target, region=region, adapter=ADAPTERS[destination.region](region, options, secrets))


def first_of(target: Target, part: str) -> Request:
    """What an upload of nothing would send first."""
    nothing = Outgoing(part=part, exam_key="", report_key="", version=1, exam={}, report={}, images=())
    return next(target.adapter.upload(nothing))


def pushes_images(target: Target) -> bool:
    """Whether images go by DICOM; else they go in requests of their own, or the platform fetches them."""
    return "images" in target.adapter.parts and isinstance(first_of(target, "images"), DicomSend)


def fetches_as(target: Target, ae_title: str) -> bool:
    """Whether it fetches its images by Query/Retrieve and takes them under that AE title."""
    return fetcher_of(target) == ae_title


def fetcher_of(target: Target) -> str | None:
    """The AE title under which it fetches its images by Query/Retrieve; None where it does not."""
    return (
        str(target.options.get("retrieve_ae_title") or "") if target.options.get("image_mode") == "retrieve" else None
    )
