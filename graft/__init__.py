"""Graft a small head onto a big pretrained network: the client library and the command line."""

from graft.addresses import Addresses
from graft.boxes import Box, Drawing, LabelledBox
from graft.client.asynchronous import AsyncClient
from graft.client.backbones import Backbone, Endpoint
from graft.client.blocking import Client
from graft.client.connection import ServerInfo
from graft.client.datasets import Dataset, ImportIssue
from graft.client.detections import Detected, DetectedObject
from graft.client.jobs import Job, JobEvent, Progress, TrainingResult
from graft.client.models import Model, ModelVersion
from graft.client.predictions import Prediction
from graft.client.proposals import Proposal, Proposals
from graft.client.reports import (
    ClassReport,
    ConfusedPair,
    DetectionReport,
    Evaluation,
    Interval,
    Mistake,
    Report,
)
from graft.client.scored import BandScore, BoxScore, BoxScoring, Scoring
from graft.client.training import Estimate, TrainingOptions
from graft.client.upload import UploadProgress
from graft.content import Joint, Problem, Text, Url
from graft.errors import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    GraftError,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from graft.examples import Example, ExampleSet
from graft.reading import read_examples
from graft.scores import ClassScore

__version__ = "0.1.0"

__all__ = [
    "Addresses",
    "AlreadyExists",
    "AsyncClient",
    "Backbone",
    "BandScore",
    "Box",
    "BoxScore",
    "BoxScoring",
    "Cancelled",
    "ClassReport",
    "ClassScore",
    "Client",
    "Conflict",
    "ConfusedPair",
    "DataLoss",
    "Dataset",
    "DeadlineExceeded",
    "Detected",
    "DetectedObject",
    "DetectionReport",
    "Drawing",
    "Endpoint",
    "Estimate",
    "Evaluation",
    "Example",
    "ExampleSet",
    "FailedPrecondition",
    "GraftError",
    "ImportIssue",
    "Internal",
    "Interval",
    "InvalidArgument",
    "Job",
    "JobEvent",
    "Joint",
    "LabelledBox",
    "Mistake",
    "Model",
    "ModelVersion",
    "NotFound",
    "Prediction",
    "Problem",
    "Progress",
    "Proposal",
    "Proposals",
    "Report",
    "ResourceExhausted",
    "Scoring",
    "ServerInfo",
    "Text",
    "TrainingOptions",
    "TrainingResult",
    "Unavailable",
    "UploadProgress",
    "Url",
    "__version__",
    "read_examples",
]
