"""Resource names (AIP-122); the only place that makes or parses one.

projects/{project}/datasets/{dataset}
projects/{project}/trainingJobs/{job}
projects/{project}/models/{model}
projects/{project}/models/{model}/versions/{version}
projects/{project}/models/{model}/aliases/{alias}
backbones/{backbone}
backbones/{backbone}@{digest}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from graft.errors import InvalidArgument

LIVE: Final = "live"
"""The alias that a bare model name means; training moves it to the new version."""

MAX_ID_LENGTH: Final = 63
_ID = re.compile(rf"[a-z0-9]([a-z0-9_-]{{0,{MAX_ID_LENGTH - 2}}}[a-z0-9])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RULE = (
    f"1 to {MAX_ID_LENGTH} characters of a-z, 0-9, '-' and '_', with a letter or digit at both ends"
)


def check_id(value: str, what: str) -> str:
    """Answer `value` if it may stand between the slashes of a name, else raise InvalidArgument."""
    if not _ID.fullmatch(value):
        article = "an" if what[0] in "aeiou" else "a"
        raise InvalidArgument(
            f"{article} {what} is {_RULE}. Received: {value!r}",
            reason="NAME_INVALID",
            metadata={"name": value},
        )
    return value


def _invalid(text: str, form: str) -> InvalidArgument:
    return InvalidArgument(
        f"a name of the form {form} was wanted. Received: {text!r}",
        reason="NAME_INVALID",
        metadata={"name": text},
    )


def _split(text: str, form: str) -> list[str]:
    """Match `text` against `form` and answer what stands in the braces."""
    parts, pattern = text.split("/"), form.split("/")
    if len(parts) != len(pattern):
        raise _invalid(text, form)
    found = []
    for part, wanted in zip(parts, pattern, strict=True):
        if wanted.startswith("{"):
            found.append(check_id(part, wanted.strip("{}")))
        elif part != wanted:
            raise _invalid(text, form)
    return found


def project_name(project: str) -> str:
    """Make `projects/{project}`."""
    return f"projects/{check_id(project, 'project')}"


def parse_project(text: str) -> str:
    """Parse `projects/{project}` to its id."""
    return _split(text, "projects/{project}")[0]


@dataclass(frozen=True, slots=True)
class DatasetName:
    """`projects/{project}/datasets/{dataset}`."""

    project: str
    dataset: str

    @classmethod
    def parse(cls, text: str) -> DatasetName:
        """Parse a name; raise InvalidArgument."""
        return cls(*_split(text, "projects/{project}/datasets/{dataset}"))

    def __str__(self) -> str:
        return f"projects/{self.project}/datasets/{self.dataset}"


@dataclass(frozen=True, slots=True)
class JobName:
    """`projects/{project}/trainingJobs/{job}`."""

    project: str
    job: str

    @classmethod
    def parse(cls, text: str) -> JobName:
        """Parse a name; raise InvalidArgument."""
        return cls(*_split(text, "projects/{project}/trainingJobs/{job}"))

    def __str__(self) -> str:
        return f"projects/{self.project}/trainingJobs/{self.job}"


@dataclass(frozen=True, slots=True)
class ModelName:
    """`projects/{project}/models/{model}`."""

    project: str
    model: str

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Parse a name; raise InvalidArgument."""
        return cls(*_split(text, "projects/{project}/models/{model}"))

    def version(self, version: int) -> VersionName:
        """Name one version of this model."""
        return VersionName(self, version)

    def __str__(self) -> str:
        return f"projects/{self.project}/models/{self.model}"


@dataclass(frozen=True, slots=True)
class VersionName:
    """`projects/{project}/models/{model}/versions/{version}`, versions counting from 1."""

    model: ModelName
    version: int

    @classmethod
    def parse(cls, text: str) -> VersionName:
        """Parse a name; raise InvalidArgument."""
        project, model, version = _split(
            text, "projects/{project}/models/{model}/versions/{version}"
        )
        if not version.isdecimal() or int(version) < 1 or version != str(int(version)):
            raise _invalid(text, "projects/{project}/models/{model}/versions/{1, 2, ...}")
        return cls(ModelName(project, model), int(version))

    def __str__(self) -> str:
        return f"{self.model}/versions/{self.version}"


@dataclass(frozen=True, slots=True)
class AliasName:
    """`projects/{project}/models/{model}/aliases/{alias}`."""

    model: ModelName
    alias: str

    @classmethod
    def parse(cls, text: str) -> AliasName:
        """Parse a name; raise InvalidArgument."""
        project, model, alias = _split(text, "projects/{project}/models/{model}/aliases/{alias}")
        return cls(ModelName(project, model), alias)

    def __str__(self) -> str:
        return f"{self.model}/aliases/{self.alias}"


def parse_servable(text: str) -> VersionName | AliasName:
    """Parse what Predict takes: a model (its alias `live`), an alias or a version."""
    kinds = text.split("/")
    if len(kinds) == 6 and kinds[4] == "versions":
        return VersionName.parse(text)
    if len(kinds) == 6 and kinds[4] == "aliases":
        return AliasName.parse(text)
    return AliasName(ModelName.parse(text), LIVE)


def expand_servable(text: str, *, project: str) -> str:
    """Make a full name of what people type: NAME, NAME@ALIAS or NAME/VERSION.

    A text that starts with `projects/` is taken as it is.
    """
    if text.startswith("projects/"):
        return str(parse_servable(text))
    if "@" in text:
        model, _, alias = text.partition("@")
        return str(AliasName(_typed_model(model, project), check_id(alias, "alias")))
    model, slash, version = text.partition("/")
    name = _typed_model(model, project)
    return str(VersionName.parse(f"{name}/versions/{version}")) if slash else str(name)


def _typed_model(model: str, project: str) -> ModelName:
    return ModelName(check_id(project, "project"), check_id(model, "model"))


@dataclass(frozen=True, slots=True)
class BackboneName:
    """`backbones/{backbone}`, or with `@{digest}` exactly that content."""

    backbone: str
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> BackboneName:
        """Parse a name; raise InvalidArgument."""
        plain, at, digest = text.partition("@")
        if at and not _DIGEST.fullmatch(digest):
            raise _invalid(text, "backbones/{backbone}@{64 hex digits}")
        return cls(_split(plain, "backbones/{backbone}")[0], digest)

    def __str__(self) -> str:
        return f"backbones/{self.backbone}" + (f"@{self.digest}" if self.digest else "")
