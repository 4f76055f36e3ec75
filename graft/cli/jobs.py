"""jobs list | show | watch | cancel."""

from __future__ import annotations

from typing import Annotated

import typer

from graft.cli.output import JsonFlag, accuracy_words, map50_words, print_json, print_table, say
from graft.client.blocking import Client
from graft.client.jobs import Job, succeeded

app = typer.Typer(help="Training jobs.", no_args_is_help=True)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id or whole name.")]
KeepBestFlag = Annotated[
    bool, typer.Option("--keep-best", help="End a running job with the best model that it has.")
]


@app.command("list")
def list_jobs(json: JsonFlag = False) -> None:
    """List the jobs, newest first."""
    with Client() as client:
        found = client.jobs.list()
    if json:
        print_json(found)
        return
    rows = [[one.id, one.state, one.model.rpartition("/")[2], one.create_time] for one in found]
    print_table(["job", "state", "model", "created"], rows)


@app.command()
def show(job: JobArgument, json: JsonFlag = False) -> None:
    """Show one job."""
    with Client() as client:
        found = client.jobs.get(job)
    print_json(found) if json else _tell(found)


@app.command()
def watch(job: JobArgument, json: JsonFlag = False) -> None:
    """Follow a job to its end; with --json, a line an event. Exit 1 unless it SUCCEEDED."""
    with Client() as client:
        last = client.jobs.get(job)
        for event in client.watch(job):
            last = event.job
            if json:
                print_json(event)
            else:
                say(f"{event.revision:>4}  {last.state:<10} {event.kind}{_doing(last)}")
    succeeded(last)


@app.command()
def cancel(job: JobArgument, keep_best: KeepBestFlag = False, json: JsonFlag = False) -> None:
    """Ask a job to stop."""
    with Client() as client:
        found = client.cancel(job, keep_best=keep_best)
    if json:
        print_json(found)
    elif found.state == "RUNNING":
        say(f"{found.id} is ending with the best that it has: `graft jobs watch {found.id}`")
    else:
        say(f"{found.id} is {found.state}")


def _doing(job: Job) -> str:
    if job.progress is None or job.state != "RUNNING":
        return ""
    doing = job.progress
    return f"  {doing.phase} {doing.done}/{doing.total or '?'} {doing.unit}"


def _tell(job: Job) -> None:
    say(f"{job.name}: {job.state}{_doing(job)}")
    say(f"  {job.model} from {job.dataset} version {job.dataset_version}, seed {job.seed}")
    if job.result:
        map50, accuracy = job.result.map50, job.result.accuracy
        told = map50_words(map50) if map50 else accuracy_words(accuracy)
        say(f"  version {job.result.version}: {told}")
    if job.error:
        say(f"  {job.error.reason}: {job.error.message}")
