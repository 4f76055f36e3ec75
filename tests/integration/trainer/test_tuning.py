"""A tuned tail from the job to the answer: real services, and pictures that only it tells apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graft.addresses import Addresses
from graft.client.blocking import Client
from graft.client.models import ModelVersion
from graft.client.training import TrainingOptions
from graft.common.v1 import content_pb2
from graft.errors import FailedPrecondition
from graft.model.v1 import evaluation_pb2
from graft.names import BackboneName, ModelName
from graft.trainer.v1 import dataset_service_pb2
from services.common import artifacts, layout
from services.common.backbones import catalogue, tuned
from services.common.store import Store, open_store
from services.embedder.backbones.importer import import_backbone
from tests.support import calls, textures
from tests.support.suite import SERVICES, Suite

pytestmark = pytest.mark.timeout(180)

PER_CLASS = 30
# So that the few steps of a job move the network far enough, and hardly anything is told without.
NETWORK = {"gain": 50.0, "noise": 0.0005}


class World:
    """The suite, a client of it, and its store seen from outside."""

    def __init__(self, suite: Suite, store: Store, client: Client) -> None:
        self.suite = suite
        self.store = store
        self.client = client

    def train(self, model: str, budget_s: float | None, backbone: str = "stripes") -> ModelVersion:
        """A model of the textures; raises what became of a job that failed."""
        options = TrainingOptions(backbone=backbone, budget_s=budget_s)
        job = self.client.train(model, dataset="textures", options=options)
        self.client.wait(job.name)
        return self.client.models.version(model)

    def decision(self, model: str) -> evaluation_pb2.Decision:
        """What the report says of tuning."""
        version = ModelName("default", model).version(1)
        found = artifacts.read_evaluation(self.store, version).decisions
        (decision,) = [one for one in found if one.subject == "tuning"]
        return decision

    def accuracy(self, model: str) -> float:
        """On pictures that were never trained on."""
        files, y = textures.pictures(50, seed=2)
        answers = self.client.predict(model, files)
        truth = [textures.LABELS[label] for label in y]
        return sum(a.label == t for a, t in zip(answers, truth, strict=True)) / len(truth)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tuning")
    url = f"file://{folder / 'store'}"
    with open_store(url, {}) as store:
        source = textures.save_network(folder / "network", **NETWORK)
        import_backbone(store, str(source), name="stripes")
        with Suite(folder, GRAFT_BACKBONES="stripes") as suite:
            with suite.channel("trainer") as channel:
                calls.import_examples(channel, "textures", examples())
            addresses = Addresses(**{name: suite.address[name] for name in SERVICES})
            with Client(addresses=addresses) as client:
                yield World(suite, store, client)


def examples() -> list[dataset_service_pb2.Example]:
    """Stripes across and stripes down, under noise."""
    files, y = textures.pictures(PER_CLASS, seed=1)
    return [
        dataset_service_pb2.Example(
            path=f"{number}.png",
            labels=[textures.LABELS[label]],
            content=content_pb2.Content(image=file),
        )
        for number, (file, label) in enumerate(zip(files, y, strict=True))
    ]


def test_where_no_budget_is_stated_the_report_says_how_to_allow_it(world: World) -> None:
    version = world.train("plain", None)
    assert version.backbone == "backbones/stripes"
    decision = world.decision("plain")
    assert decision.choice == "none"
    assert decision.reason.startswith("not tried: it would take about")
    assert decision.reason.endswith("`--budget 1m` allows it")


def test_a_model_with_a_tuned_tail_is_served_and_goes_with_its_tail(world: World) -> None:
    version = world.train("fine", 120.0)
    decision = world.decision("fine")
    assert decision.choice == "the layers of stripes after map"
    assert decision.reason.startswith("taken: ")

    name = tuned.name_for(ModelName("default", "fine").version(1))
    assert version.backbone == f"backbones/{name}"
    tail = catalogue.find(world.store, BackboneName(name, version.backbone_digest))
    assert BackboneName.parse(tail.trunk).backbone == "stripes"
    assert world.accuracy("fine") > 0.85
    assert version.accuracy is not None
    assert version.accuracy.low < world.accuracy("fine")

    evaluation = artifacts.read_evaluation(world.store, ModelName("default", "fine").version(1))
    (chosen,) = [row for row in evaluation.candidates if row.chosen]
    assert (chosen.kind, chosen.parameters["rounds"] > "0") == ("tuned tail", True)
    assert chosen.log_loss < min(r.log_loss for r in evaluation.candidates if r.kind == "lda")
    assert evaluation.unknown_rate == pytest.approx(0.05, abs=0.04)
    assert not evaluation.heat_maps

    with pytest.raises(FailedPrecondition, match="name stripes, which it was made of"):
        world.train("more", None, name)

    world.client.models.delete("fine")
    left = [info.key for info in world.store.list(layout.BACKBONES)]
    assert left
    assert not [key for key in left if name in key]
