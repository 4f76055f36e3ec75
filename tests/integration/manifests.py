"""What `kustomize build` answers, as plain documents, and the questions that tests ask of them."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"

Document = dict[str, Any]
SERVICES = ("embedder", "trainer", "predictor")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True)
class Manifests:
    """The documents of one rendered folder."""

    folder: str
    documents: tuple[Document, ...]

    def of_kind(self, *kinds: str) -> list[Document]:
        return [found for found in self.documents if found["kind"] in kinds]

    def names(self, kind: str) -> set[str]:
        return {name_of(found) for found in self.of_kind(kind)}

    def one(self, kind: str, name: str) -> Document:
        (found,) = [each for each in self.of_kind(kind) if name_of(each) == name]
        return found

    def generated(self, kind: str, name: str) -> list[Document]:
        """The ConfigMap or Secret that a generator named `name`-digest."""
        pattern = re.compile(rf"{re.escape(name)}-[a-z0-9]{{10}}")
        return [found for found in self.of_kind(kind) if pattern.fullmatch(name_of(found))]

    def workloads(self) -> list[Document]:
        return self.of_kind("Deployment", "StatefulSet", "Job")

    def containers(self) -> Iterator[tuple[Document, Document]]:
        """Every (workload, container), init containers included."""
        for workload in self.workloads():
            spec = pod_of(workload)
            for container in [*spec.get("initContainers", []), *spec["containers"]]:
                yield workload, container

    def environment(self, container: Document) -> dict[str, str]:
        """What the container's process sees; a Secret yet to be brought is absent."""
        seen: dict[str, str] = {}
        for source in container.get("envFrom", []):
            ((reference, target),) = source.items()
            seen |= self._values(reference, target["name"])
        plain = {
            item["name"]: item["value"] for item in container.get("env", []) if "value" in item
        }
        return seen | plain

    def _values(self, reference: str, name: str) -> dict[str, str]:
        kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[reference]
        data = [each["data"] for each in self.of_kind(kind) if name_of(each) == name]
        if not data or kind == "ConfigMap":
            return dict(*data)
        return {key: b64decode(value).decode() for key, value in data[0].items()}


def parse(folder: str, text: str) -> Manifests:
    """The documents of a YAML stream."""
    return Manifests(folder, tuple(each for each in yaml.safe_load_all(text) if each))


def name_of(document: Document) -> str:
    return str(document["metadata"]["name"])


def label_of(document: Document) -> str:
    return f"{document['kind']} {name_of(document)}"


def pod_of(workload: Document) -> Document:
    """The pod's spec of a Deployment, StatefulSet or Job."""
    spec: Document = workload["spec"]["template"]["spec"]
    return spec


def pod_labels(workload: Document) -> dict[str, str]:
    return dict(workload["spec"]["template"]["metadata"]["labels"])


def ports_of(container: Document) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


def size_of(quantity: str) -> int:
    """Bytes of a quantity written with a binary unit, as all of ours are."""
    number, unit = quantity[:-2], quantity[-2:]
    return int(number) * _UNITS[unit]


def references(workload: Document) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything that the pods of a workload need to exist."""
    spec = pod_of(workload)
    yield "ServiceAccount", spec["serviceAccountName"]
    for volume in spec.get("volumes", []):
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in spec["containers"]:
        yield from _container_references(container)


def _container_references(container: Document) -> Iterator[tuple[str, str]]:
    kinds = {
        "configMapRef": "ConfigMap",
        "secretRef": "Secret",
        "configMapKeyRef": "ConfigMap",
        "secretKeyRef": "Secret",
    }
    sources = [*container.get("envFrom", [])]
    sources += [item["valueFrom"] for item in container.get("env", []) if "valueFrom" in item]
    for source in sources:
        for field, target in source.items():
            yield kinds[field], target["name"]


def proto_services() -> set[str]:
    """The full name of every gRPC service that the protos declare."""
    found = set()
    for path in (ROOT / "protos").rglob("*.proto"):
        text = path.read_text(encoding="utf-8")
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
        names = re.findall(r"^service (\w+)", text, re.MULTILINE)
        found |= {f"{package.group(1)}.{name}" for name in names if package}
    return found
