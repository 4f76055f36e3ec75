"""Where things lie in the store; the only place that makes a key."""

from __future__ import annotations

from graft.names import AliasName, BackboneName, DatasetName, JobName, ModelName, VersionName

BACKBONES = "backbones/"
PROJECTS = "projects/"


def backbone_imports_prefix(backbone: str) -> str:
    """Where all imports of a backbone lie, of which the name is given without a digest."""
    return f"{BACKBONES}{backbone}/"


def backbone_prefix(name: BackboneName) -> str:
    """Where one import of a backbone lies; the name carries its digest."""
    return f"{backbone_imports_prefix(name.backbone)}{name.digest}/"


def datasets_prefix(project: str) -> str:
    """Where a project's data sets lie."""
    return f"projects/{project}/datasets/"


def dataset_table(name: DatasetName) -> str:
    """The table of a data set's examples."""
    return f"{datasets_prefix(name.project)}{name.dataset}.lance"


def embeddings_prefix(project: str, backbone_digest: str) -> str:
    """Where the cached vectors of one backbone lie."""
    return f"projects/{project}/embeddings/{backbone_digest}/"


def embedding_table(project: str, backbone_digest: str, endpoint: str, view: str = "") -> str:
    """The table of cached vectors of one endpoint of one backbone, of one view of the pictures."""
    name = f"{endpoint}@{view}" if view else endpoint
    return f"{embeddings_prefix(project, backbone_digest)}{name}.lance"


def duplicate_groups(project: str, digest: str) -> str:
    """The near-duplicate groups of examples; the digest is that of their keys in order."""
    return f"projects/{project}/groups/{digest}.u4"


def jobs_prefix(project: str) -> str:
    """Where a project's training jobs lie."""
    return f"projects/{project}/jobs/"


def job(name: JobName) -> str:
    """What the events of an ended job fold to."""
    return f"{jobs_prefix(name.project)}{name.job}/job.json"


def job_events_prefix(name: JobName) -> str:
    """Where the events of a job lie."""
    return f"{jobs_prefix(name.project)}{name.job}/events/"


def job_event(name: JobName, revision: int) -> str:
    """One event; the number is padded so that names sort as numbers do."""
    return f"{job_events_prefix(name)}{revision:08d}.json"


def models_prefix(project: str) -> str:
    """Where a project's models lie."""
    return f"projects/{project}/models/"


def model_prefix(name: ModelName) -> str:
    """Where one model lies."""
    return f"{models_prefix(name.project)}{name.model}/"


def aliases_prefix(name: ModelName) -> str:
    """Where the aliases of a model lie."""
    return f"{model_prefix(name)}aliases/"


def alias(name: AliasName) -> str:
    """The object that says which version an alias means."""
    return f"{aliases_prefix(name.model)}{name.alias}.json"


def version_prefix(name: VersionName) -> str:
    """Where one version of a model lies."""
    return f"{model_prefix(name.model)}{name.version}/"


def claim(name: VersionName) -> str:
    """Says which job may write this version; written first, if absent."""
    return version_prefix(name) + "claim.json"


def arrays(name: VersionName) -> str:
    """The head's arrays."""
    return version_prefix(name) + "arrays.safetensors"


def report(name: VersionName) -> str:
    """The report as JSON."""
    return version_prefix(name) + "report.json"


def report_page(name: VersionName) -> str:
    """The report as a page."""
    return version_prefix(name) + "report.html"


def manifest(name: VersionName) -> str:
    """Written last: the version exists when this does."""
    return version_prefix(name) + "manifest.json"
