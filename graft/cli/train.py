"""train: a folder or manifest in, a model out."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import Progress, TaskID

from graft.cli.datasets import NOUNS
from graft.cli.durations import parse_duration
from graft.cli.evaluate import SEVERAL
from graft.cli.output import (
    JsonFlag,
    accuracy_words,
    counted,
    map50_words,
    note,
    print_json,
    progress,
    say,
    warn,
)
from graft.client.blocking import Client
from graft.client.datasets import Dataset
from graft.client.jobs import Job, succeeded
from graft.client.reports import Interval
from graft.client.training import TrainingOptions
from graft.content import display_path
from graft.errors import Internal, InvalidArgument
from graft.examples import ExampleSet
from graft.names import check_id
from graft.reading import read_examples

_ISSUES_SHOWN: Final = 10
_BOXES_WANTED: Final = (
    "detection needs boxes: a .json document of COCO, a manifest with the columns path, label, x,"
    " y, w and h, a folder of Pascal VOC (Annotations, JPEGImages) or of YOLO (images, labels)."
    " Received: {!r}, which has none"
)


class Task(StrEnum):
    """What a model may do."""

    AUTO = "auto"
    CLASSIFICATION = "classification"
    MULTI_LABEL = "multi-label"
    DETECTION = "detection"


PathArgument = Annotated[
    Path,
    typer.Argument(
        help="A folder of class folders, or a CSV or JSONL manifest; with boxes, COCO JSON, a"
        " manifest with x, y, w and h, or a folder of Pascal VOC or YOLO."
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", help="The model; its data set is named alike.")
]
BackboneOption = Annotated[str, typer.Option(help="auto, or a name of `graft backbones list`.")]
BudgetOption = Annotated[
    str,
    typer.Option(
        help="How long the job may take: 60s, 2m, 1h; without it 60s, with texts or boxes 2m. What"
        " would take longer, by estimate, is left out and told. For pictures, only where it is"
        " given may the backbone be tuned, too."
    ),
]
PrecisionOption = Annotated[
    float,
    typer.Option(
        help="Of a detector: the share of its boxes that shall be right, such as 0.9. Without it"
        " wrong and missed ones are balanced."
    ),
]
WaitFlag = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the model.")]


def train(
    path: PathArgument,
    model: ModelOption,
    task: Annotated[Task, typer.Option(help="auto is what the labels or boxes say.")] = Task.AUTO,
    backbone: BackboneOption = "auto",
    budget: BudgetOption = "",
    seed: Annotated[int, typer.Option(min=0, help="The seed of every random choice.")] = 0,
    precision: PrecisionOption = 0.0,
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Train a model on labelled examples."""
    started = time.monotonic()
    check_id(model, "model")
    options = TrainingOptions(
        task=task.value,
        backbone=backbone,
        budget_s=parse_duration(budget) if budget else None,
        seed=seed,
        precision=precision,
    )
    examples = read_examples(path)
    if task is Task.DETECTION and not examples.boxed:
        raise InvalidArgument(_BOXES_WANTED.format(display_path(path)))
    with Client() as client:
        options.spec(client.project, model, model)  # refuses what is wrong before the upload
        dataset = _upload(client, model, examples)
        _tell_data(examples, dataset)
        job = client.train(model, options=options)
        if wait:
            job = follow(client, job)
        seconds = time.monotonic() - started
        if wait:
            _tell_report(client, job, dataset)
    if not wait:
        print_json(job) if json else say(f"{job.id}  (`graft jobs watch {job.id}` follows it)")
    elif json:
        print_json(_document(job, seconds, boxed=dataset.boxed))
    else:
        _tell_model(job, seconds, model, boxed=dataset.boxed)
        if dataset.multi_label:
            say(SEVERAL)


def _upload(client: Client, model: str, examples: ExampleSet) -> Dataset:
    with progress() as shown:
        bar = shown.add_task("upload", total=len(examples.examples), unit="examples")
        return client.import_examples(
            model,
            examples.examples,
            on_progress=lambda done: shown.update(bar, completed=done.examples),
        )


def follow(client: Client, job: Job) -> Job:
    """Show a job's progress to its end; answer it, or raise what became of it."""
    last = job
    with progress() as shown:
        bars: dict[str, TaskID] = {}
        try:
            for event in client.watch(job.name):
                last = event.job
                _show(shown, bars, last)
        except KeyboardInterrupt:
            note(f"{job.id} goes on: `graft jobs watch` or `graft jobs cancel` {job.id}")
            raise
    return succeeded(last)


def _show(shown: Progress, bars: dict[str, TaskID], job: Job) -> None:
    doing = job.progress
    if doing is None or not doing.phase:
        return
    if doing.phase not in bars:
        for bar in bars.values():
            shown.update(bar, completed=shown.tasks[bar].total or 1)
        bars[doing.phase] = shown.add_task(doing.phase, total=None, unit=doing.unit)
    total = doing.total or None
    shown.update(bars[doing.phase], completed=doing.done, total=total, unit=doing.unit)


def _tell_data(examples: ExampleSet, dataset: Dataset) -> None:
    """Say what was taken and what was not."""
    taken, classes = dataset.example_count, len(dataset.labels)
    note(f"{counted(taken, 'example')} of {counted(classes, 'class', 'classes')}{_kind(dataset)}")
    for extension, count in examples.skipped.items():
        note(f"skipped {counted(count, f'{extension} file')}: neither images nor texts")
    for text in (*examples.warnings, *dataset.warnings):
        warn(text)
    marks = "boxes" if dataset.boxed else "labels"
    for count, what in (
        (dataset.rejected_count, "rejected"),
        (dataset.conflict_count, f"left out: the same bytes under different {marks}"),
        (dataset.duplicate_count, f"used once: the same bytes again with the same {marks}"),
    ):
        if count:
            warn(f"{counted(count, 'example')} {what}")
    for issue in dataset.issues[:_ISSUES_SHOWN]:
        named = issue.message.startswith(issue.path)
        note(f"  {issue.message}" if named else f"  {issue.path}: {issue.message}")
    if len(dataset.issues) > _ISSUES_SHOWN:
        note(f"  ... `graft datasets show {dataset.name.rpartition('/')[2]}` tells the rest")


def _kind(dataset: Dataset) -> str:
    """What the data set is taken for, where that is not the usual."""
    found = [] if dataset.modality in ("", "image") else [NOUNS[dataset.modality]]
    found += [counted(sum(dataset.boxes.values()), "box", "boxes")] if dataset.boxed else []
    found += ["any number of labels an example"] if dataset.multi_label else []
    return f": {', '.join(found)}" if found else ""


def _tell_report(client: Client, job: Job, dataset: Dataset) -> None:
    """Pass on what the report warns of and the import did not: heads left untried, say."""
    if job.result is None:
        return
    for text in client.report(job.result.model_version).evaluation.warnings:
        if text not in dataset.warnings:
            warn(text)


def _document(job: Job, seconds: float, *, boxed: bool) -> dict[str, object]:
    result = job.result
    if result is None:
        raise Internal(f"the job {job.id} SUCCEEDED without a result. Received: {job.name}")
    return {
        "model": job.model,
        "version": result.version,
        "accuracy": _range(result.accuracy),
        **({"map50": _range(result.map50)} if boxed else {}),
        "seconds": round(seconds, 3),
        "job": job.name,
    }


def _range(found: Interval | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {"estimate": found.estimate, "low": found.low, "high": found.high}


def _tell_model(job: Job, seconds: float, model: str, *, boxed: bool) -> None:
    result = job.result
    if result is None:
        raise Internal(f"the job {job.id} SUCCEEDED without a result. Received: {job.name}")
    told = map50_words(result.map50) if boxed else accuracy_words(result.accuracy)
    say(f"{model} version {result.version}: {told}, {seconds:.1f} s")
    say(f"the report: graft report {model} --html report.html")
