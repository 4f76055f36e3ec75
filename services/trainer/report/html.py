"""The report as one HTML page that needs nothing else: no network, no script, no second file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report import (
    baselines,
    boxed,
    decisions,
    detection,
    duplicates,
    heat_maps,
    learning_curve,
    outliers,
    reliability,
    sections,
    separation,
    several,
    shortcuts,
    suspects,
    unknown,
)
from services.trainer.report.markup import section, text
from services.trainer.report.style import CSS

# A browser that keeps to it can load nothing from outside, whatever stands in the page.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Origin:
    """How the model was made; plain text, shown as it is."""

    title: str  # the name of the model, for people
    backbone: str
    backbone_digest: str
    seed: int
    suite_version: str
    created: str = ""  # a date and time


def render(evaluation: pb.Evaluation, origin: Origin, glimpses: Mapping[str, Glimpse]) -> str:
    """The page. `glimpses` holds what is shown of examples by the SHA-256 (hex) of their bytes."""
    whole = _detector if evaluation.HasField("detection") else _classifier
    parts = [*whole(evaluation, glimpses), _made(evaluation, origin)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(origin.title)}: report</title><style>{CSS}</style></head><body><main>"
        f'<header><h1>{text(origin.title)}</h1><p class="name">'
        f"{text(evaluation.model_version)}</p></header>{''.join(parts)}</main></body></html>\n"
    )


def _classifier(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> list[str]:
    measured = evaluation.HasField("accuracy")
    mixed = measured and not evaluation.several_labels
    return [
        sections.hero(evaluation),
        _by_class(evaluation) if measured else "",
        learning_curve.more_data(evaluation),
        sections.confusions(evaluation, glimpses) if mixed else several.swaps(evaluation),
        sections.mistakes(evaluation, glimpses),
        suspects.suspects(evaluation, glimpses),
        outliers.outliers(evaluation, glimpses),
        heat_maps.heat_maps(evaluation, glimpses),
        shortcuts.shortcuts(evaluation, glimpses),
        duplicates.duplicates(evaluation, glimpses),
        unknown.unknown(evaluation),
        separation.separation(evaluation),
        reliability.reliability(evaluation),
        baselines.baselines(evaluation),
        sections.data(evaluation),
        decisions.decisions(evaluation),
        sections.tried(evaluation),
    ]


def _detector(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> list[str]:
    return [
        detection.hero(evaluation),
        detection.classes(evaluation),
        detection.outlook(evaluation),
        detection.errors(evaluation),
        boxed.pictures(evaluation, glimpses),
        detection.sizes(evaluation),
        detection.counts(evaluation),
        unknown.unknown(evaluation),
        sections.data(evaluation),
        decisions.decisions(evaluation),
        sections.tried(evaluation) if evaluation.candidates else "",
    ]


def _by_class(evaluation: pb.Evaluation) -> str:
    return (several.labels if evaluation.several_labels else sections.classes)(evaluation)


def _made(evaluation: pb.Evaluation, origin: Origin) -> str:
    facts = {
        "How it was measured": evaluation.interval_method,
        "Method": evaluation.method,
        "Log loss": f"{evaluation.log_loss:.3f} nats",
        "Macro F1": f"{evaluation.macro_f1:.3f}",
        "Micro F1": f"{evaluation.micro_f1:.3f}" if evaluation.several_labels else "",
        "Calibration error": f"{evaluation.expected_calibration_error:.3f} (0: scores are honest)",
        "Backbone": origin.backbone,
        "Backbone digest": origin.backbone_digest,
        "Seed": str(origin.seed),
        "Graft": origin.suite_version,
        "Made": origin.created,
    }
    if not evaluation.HasField("accuracy"):
        facts = {k: v for k, v in facts.items() if k not in _SCORES}
    if evaluation.detection.HasField("map50"):
        found = evaluation.detection
        facts["mAP at IoU 0.5"] = f"{found.map50.estimate:.3f}"
        facts["mAP at IoU 0.50 to 0.95"] = f"{found.map50_95:.3f}"
    rows = "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in facts.items() if v)
    return section("How it was made", "", f"<dl>{rows}</dl>")


_SCORES = ("Log loss", "Macro F1", "Micro F1", "Calibration error")
