"""From the pictures of a job to a lesson: the plan, the views, their maps and what to learn."""

from __future__ import annotations

from collections.abc import Sequence

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from services.common.store import Store
from services.trainer.detection.plan import Plan
from services.trainer.detection.sight import Pictures, Sight, Tell
from services.trainer.detection.targets import make_targets
from services.trainer.detection.training import Indices, Lesson, Views
from services.trainer.detection.views import seen_in, training_views, whole_views
from services.trainer.embeddings import EmbedderClient


def see(
    store: Store,
    client: EmbedderClient,
    project: str,
    backbone: backbone_pb2.Backbone,
    pictures: Pictures,
    truths: Sequence[Truth],
    labels: tuple[str, ...],
    groups: Indices,
    *,
    seed: int,
    tell: Tell,
    plan: Plan,
    views: int,
) -> tuple[Lesson, Sight]:
    """Look at the pictures, whose things are `truths`, and embed what is not in the cache.

    `views`: so many of each to train on, 0 where they shall only be answered; `affordable` says how
    many. Raises what the embedder says of the backbone or of a picture.
    """
    sight = Sight(store, client, project, backbone, plan, pictures)
    numbers = range(len(truths))
    whole = [
        view
        for number in numbers
        for view in whole_views(pictures.sizes[number], number, plan.geometry.reach)
    ]
    train = training_views(pictures.keys, pictures.sizes, views, plan.share, seed)
    total = len(whole) + len(train)
    of_whole = sight.maps(whole, lambda done, _: tell(done, total))
    of_train = sight.maps(train, lambda done, _: tell(len(whole) + done, total))
    seen = [seen_in(view, truths) for view in train]
    targets = make_targets(seen, plan.geometry.cells, len(labels))
    return (
        Lesson(
            plan,
            labels,
            truths,
            pictures.sizes,
            groups,
            Views.made(of_train, train),
            targets,
            Views.made(of_whole, whole),
            [view.parts[0].region for view in whole],
        ),
        sight,
    )
