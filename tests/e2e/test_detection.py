"""From a few boxes to a detector that answers, by the command line and by a bare stub."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from graft.channel import open_blocking_channel
from graft.common.v1 import content_pb2
from graft.detection.overlap import overlaps
from graft.errors import GraftError, InvalidArgument
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from graft.reading import read_examples
from graft.status import from_rpc_error
from tests.support import meadow
from tests.support.command import Done
from tests.support.suite import ROOT, Suite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

COMMAND_S = 300
LEARNT = range(24)
BUDGET = ("--budget", "40s")
MODEL = "projects/default/models/things"


@dataclass(frozen=True)
class Running:
    """A suite with a detector."""

    graft: Callable[..., Done]
    stub: Any
    folder: Path

    def detect(self, *files: bytes, model: str = MODEL) -> list[pb.Detected]:
        """What is found in files; raises what the predictor says."""
        request = pb.PredictRequest(
            model=model, items=[content_pb2.Content(image=data) for data in files]
        )
        try:
            answer = self.stub.Predict(request, timeout=60)
        except grpc.RpcError as error:
            raise from_rpc_error(error, target="predictor") from error
        return [one.detected for one in answer.predictions]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("meadow")
    meadow.write_coco(folder / "train", LEARNT, empty=4)
    meadow.write_coco(folder / "test", range(200, 216), empty=2)
    with Suite(folder) as suite, open_blocking_channel(suite.address["predictor"]) as channel:
        environ = {f"GRAFT_{name.upper()}": at for name, at in suite.address.items()}

        def run(*arguments: str) -> Done:
            done = subprocess.run(
                [sys.executable, "-m", "graft", *arguments],
                cwd=folder,
                env={**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT), **environ},
                capture_output=True,
                text=True,
                timeout=COMMAND_S,
            )
            return Done(done.returncode, done.stdout, done.stderr)

        done = run("train", "train/boxes.json", "--model", "things", *BUDGET, "--json")
        assert done.code == 0, done.err
        stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
        yield Running(run, stub, folder)


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def right(detected: pb.Detected, things: list[meadow.Thing], overlap: float = 0.5) -> int:
    """How many things are found by an object of their label at such an overlap."""
    found = 0
    for label, box in things:
        own = [one.box for one in detected.objects if one.label == label]
        boxes = np.array([(b.left, b.top, b.width, b.height) for b in own], float).reshape(-1, 4)
        found += bool(len(boxes)) and bool((overlaps(boxes, np.array([box])) >= overlap).any())
    return found


def test_things_are_found_in_pictures_that_it_had_not_seen(running: Running) -> None:
    seeds = range(300, 316)
    answers = running.detect(*(png(meadow.draw(seed)) for seed in seeds))
    assert {(one.width, one.height) for one in answers} == {(240, 180)}
    hits = sum(right(one, meadow.shown(seed)) for one, seed in zip(answers, seeds, strict=True))
    assert hits >= 8
    for one in answers:
        scores = [thing.score for thing in one.objects]
        assert scores == sorted(scores, reverse=True)


def test_a_much_larger_picture_is_looked_at_in_tiles(running: Running) -> None:
    large = Image.new("RGB", (1200, 900), (70, 140, 60))
    large.paste(meadow.draw(301), (830, 610))
    ((label, (left, top, width, height)),) = meadow.shown(301)
    (answer,) = running.detect(png(large))
    assert (answer.width, answer.height) == (1200, 900)
    thing = (label, (left + 830, top + 610, width, height))
    assert right(answer, [thing], overlap=0.1) == 1


def test_boxes_are_those_of_the_upright_picture(running: Running) -> None:
    upright = meadow.draw(302)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    (answer,) = running.detect(file.getvalue())
    (plain,) = running.detect(png(upright))
    assert (answer.width, answer.height) == (240, 180)
    assert [one.label for one in answer.objects] == [one.label for one in plain.objects]


def test_a_bad_picture_and_a_text_are_named(running: Running) -> None:
    good = png(meadow.draw(303))
    with pytest.raises(GraftError, match=r"items\[1\]") as caught:
        running.detect(good, b"no picture")
    assert caught.value.field == "items[1].image"
    request = pb.PredictRequest(model=MODEL, items=[content_pb2.Content(text="a disc")])
    with pytest.raises(grpc.RpcError) as refused:
        running.stub.Predict(request, timeout=60)
    error = from_rpc_error(refused.value, target="predictor")
    assert isinstance(error, InvalidArgument)
    assert error.reason == "MODALITY_MISMATCH"


def test_it_answers_beside_other_models(running: Running) -> None:
    item = content_pb2.Content(image=png(meadow.draw(304)))
    request = pb.PredictManyRequest(models=[MODEL, f"{MODEL}/versions/1"], items=[item])
    answer = running.stub.PredictMany(request, timeout=60)
    first, second = (one.predictions[0].detected for one in answer.results)
    assert first == second
    assert len(first.objects) + len(first.doubtful) > 0


def test_a_test_is_scored_by_boxes(running: Running) -> None:
    done = running.graft("evaluate", "things", "test/boxes.json", "--json")
    assert done.code == 0, done.err
    assert done.document["map50"] > 0.25
    assert done.document["count"] == 18


def test_the_report_tells_how_well_things_are_found(running: Running) -> None:
    done = running.graft("report", "things", "--json")
    detection = done.document["detection"]
    assert 0 < detection["map50"]["estimate"] <= 1
    assert {one["label"] for one in detection["errors"]} == set(meadow.LABELS)
    page = running.folder / "report.html"
    assert running.graft("report", "things", "--html", str(page)).code == 0
    assert "<svg" in page.read_text(encoding="utf-8")


def test_boxes_are_proposed_for_pictures_without_labels_and_drawn(running: Running) -> None:
    fresh = running.folder / "fresh"
    fresh.mkdir()
    for seed in range(310, 314):
        (fresh / f"{seed}.png").write_bytes(png(meadow.draw(seed)))
    (fresh / "seen.png").write_bytes(png(meadow.draw(LEARNT[0])))
    done = running.graft("detect-assist", "things", "fresh", "--out", "next.json", "--json")
    assert done.code == 0, done.err
    told = done.document
    assert {one["input"] for one in told["pictures"]} == {f"fresh/{n}.png" for n in range(310, 314)}
    assert list(told["known"]) == ["fresh/seen.png"]
    examples = read_examples(running.folder / "next.json").examples
    assert [one.path for one in examples] == [one["input"] for one in told["pictures"]]
    boxes = [box for one in examples if one.drawing for box in one.drawing.boxes]
    assert len(boxes) == sum(one["objects"] for one in told["pictures"]) > 0
    done = running.graft("predict", "things", "fresh", "--draw", "drawn", "--json")
    assert done.code == 0, done.err
    assert len(list((running.folder / "drawn").iterdir())) == len(done.out.splitlines()) == 5


def test_a_second_training_embeds_nothing_again(running: Running) -> None:
    done = running.graft("train", "train/boxes.json", "--model", "things", *BUDGET, "--json")
    assert done.code == 0, done.err
    job = running.graft("jobs", "show", done.document["job"].rpartition("/")[2], "--json").document
    assert (job["result"]["embedded_count"], done.document["version"]) == (0, 2)


def test_what_cannot_be_trained_on_is_told(running: Running) -> None:
    folder = running.folder / "nothing"
    path = meadow.write_coco(folder, range(0), empty=3)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document))
    done = running.graft("train", "nothing/boxes.json", "--model", "nothing")
    assert done.code == 1
    assert "box" in done.err
