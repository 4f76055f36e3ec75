"""The manifests of deploy/k8s, rendered as `kubectl apply -k` would, against their rules."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest

from services.common.health import LIVENESS
from services.common.settings import KEYS, read_settings
from services.common.store.s3_settings import read_s3_settings
from tests.integration.manifests import (
    K8S,
    ROOT,
    SERVICES,
    Document,
    Manifests,
    label_of,
    name_of,
    parse,
    pod_labels,
    pod_of,
    ports_of,
    proto_services,
    references,
    size_of,
)
from tools.go_program import ProgramMissing
from tools.kustomize import KUSTOMIZE, RenderFailed, render

# The first test may have to compile kustomize; `python -m tools.kustomize` before the run does it.
pytestmark = pytest.mark.timeout(600)

FOLDERS = ("base", "overlays/local")
KUBERNETES = ("1.30", "1.37")  # the oldest that we promise, the newest that the validator knows
GRACE_MARGIN_S = 10


@pytest.fixture(scope="module")
def kustomize() -> None:
    try:
        KUSTOMIZE.ensure()
    except ProgramMissing as error:
        pytest.skip(f"the manifests are not checked: {error}")


@pytest.fixture(scope="module", params=FOLDERS)
def manifests(request: pytest.FixtureRequest, kustomize: None) -> Manifests:
    return parse(request.param, render(K8S / request.param))


@pytest.fixture(scope="module")
def local(kustomize: None) -> Manifests:
    return parse("overlays/local", render(K8S / "overlays/local"))


def container_of(manifests: Manifests, service: str) -> Document:
    found: Document
    (found,) = pod_of(manifests.one("Deployment", f"graft-{service}"))["containers"]
    return found


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_document_is_valid_kubernetes(manifests: Manifests, version: str) -> None:
    for document in manifests.documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_validation_refuses_a_misspelt_field(manifests: Manifests) -> None:
    broken = json.loads(json.dumps(manifests.one("Deployment", "graft-trainer")))
    pod_of(broken)["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_rendering_twice_gives_the_same_text(kustomize: None, folder: str) -> None:
    assert render(K8S / folder) == render(K8S / folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_kubectl_renders_the_same_documents(kustomize: None, folder: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on the PATH")
    text = subprocess.check_output([kubectl, "kustomize", str(K8S / folder)], text=True)
    assert parse(folder, text) == parse(folder, render(K8S / folder))


def test_a_folder_that_cannot_be_rendered_is_an_error_naming_it(kustomize: None) -> None:
    with pytest.raises(RenderFailed, match="base/nothing"):
        render(K8S / "base" / "nothing")


def test_no_pod_asks_for_more_than_the_restricted_profile(manifests: Manifests) -> None:
    for workload in manifests.workloads():
        pod, name = pod_of(workload), label_of(workload)
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert not [volume for volume in pod.get("volumes", []) if "hostPath" in volume], name


def test_no_container_can_gain_rights_or_write_to_its_root(manifests: Manifests) -> None:
    for workload, container in manifests.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, label_of(workload)


def test_service_accounts_carry_no_token(manifests: Manifests) -> None:
    for account in manifests.of_kind("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False, name_of(account)


def test_kubernetes_writes_no_variables_of_its_own(manifests: Manifests) -> None:
    for workload in manifests.workloads():
        assert pod_of(workload)["enableServiceLinks"] is False, label_of(workload)


def test_images_are_pinned(manifests: Manifests) -> None:
    pinned = re.compile(r"[a-z0-9./-]+:(?!latest\b)[\w.-]+(@sha256:[0-9a-f]{64})?")
    for workload, container in manifests.containers():
        assert pinned.fullmatch(container["image"]), f"{label_of(workload)} {container['image']}"
        ours = container["image"].startswith("graft-")
        assert ours or "@sha256:" in container["image"], "others' images are pinned by digest"


def test_every_container_has_requests_within_its_limits(manifests: Manifests) -> None:
    for workload, container in manifests.containers():
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert requests.keys() == limits.keys() == {"cpu", "memory", "ephemeral-storage"}
        for key in ("memory", "ephemeral-storage"):
            assert size_of(requests[key]) <= size_of(limits[key]), label_of(workload)
        assert _cores(requests["cpu"]) <= _cores(limits["cpu"]), label_of(workload)


def _cores(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def test_scratch_volumes_are_bounded_by_the_ephemeral_storage_limit(manifests: Manifests) -> None:
    for workload in manifests.workloads():
        pod = pod_of(workload)
        scratch = [each["emptyDir"] for each in pod.get("volumes", []) if "emptyDir" in each]
        limits = [each["resources"]["limits"]["ephemeral-storage"] for each in pod["containers"]]
        used = sum(size_of(each["sizeLimit"]) for each in scratch)
        assert used < sum(map(size_of, limits)), label_of(workload)


def test_every_mount_has_its_volume_and_every_volume_its_mount(manifests: Manifests) -> None:
    for workload in manifests.workloads():
        pod = pod_of(workload)
        claimed = workload["spec"].get("volumeClaimTemplates", [])
        volumes = [each["name"] for each in pod.get("volumes", [])] + [*map(name_of, claimed)]
        mounts = [m["name"] for each in pod["containers"] for m in each.get("volumeMounts", [])]
        assert sorted(volumes) == sorted(set(mounts)), label_of(workload)


@pytest.mark.parametrize("service", SERVICES)
def test_grpc_probes_ask_an_open_port_for_a_service_that_exists(
    manifests: Manifests, service: str
) -> None:
    container = container_of(manifests, service)
    area = f"graft.{service}.v1.{service.capitalize()}Service"
    probes = {kind: container[kind]["grpc"] for kind in container if kind.endswith("Probe")}
    assert probes.keys() == {"startupProbe", "readinessProbe", "livenessProbe"}
    assert {probe["port"] for probe in probes.values()} == {ports_of(container)["grpc"]}
    assert probes["readinessProbe"]["service"] == area
    assert area in proto_services()
    # A liveness by the service's own name would restart every pod while the store is away.
    assert probes["livenessProbe"]["service"] == LIVENESS
    assert probes["startupProbe"]["service"] in (area, LIVENESS)


def test_the_embedder_has_minutes_to_load_its_backbone(manifests: Manifests) -> None:
    probe = container_of(manifests, "embedder")["startupProbe"]
    assert probe["grpc"]["service"] == "graft.embedder.v1.EmbedderService"
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


@pytest.mark.parametrize("service", SERVICES)
def test_the_pod_outlives_the_servers_grace(manifests: Manifests, service: str) -> None:
    deployment = manifests.one("Deployment", f"graft-{service}")
    container = container_of(manifests, service)
    hooks = container.get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})
    grace_s = int(manifests.environment(container)["GRAFT_GRACE_S"])
    stopping_s = hooks["preStop"]["sleep"]["seconds"] + grace_s + GRACE_MARGIN_S
    assert pod_of(deployment)["terminationGracePeriodSeconds"] >= stopping_s


def test_selectors_match_the_pods_they_are_for(manifests: Manifests) -> None:
    for workload in manifests.of_kind("Deployment", "StatefulSet"):
        wanted = workload["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= pod_labels(workload).items(), label_of(workload)
        for spread in pod_of(workload).get("topologySpreadConstraints", []):
            assert spread["labelSelector"]["matchLabels"] == wanted, label_of(workload)
    for selecting in manifests.of_kind("Service", "PodDisruptionBudget"):
        selector = selecting["spec"]["selector"]
        assert len(_selected(manifests, selector.get("matchLabels", selector))) == 1


def _selected(manifests: Manifests, labels: dict[str, str]) -> list[Document]:
    return [w for w in manifests.workloads() if labels.items() <= pod_labels(w).items()]


def test_graft_reaches_the_embedder_through_its_policy(manifests: Manifests) -> None:
    (policy,) = manifests.of_kind("NetworkPolicy")
    (workload,) = _selected(manifests, policy["spec"]["podSelector"]["matchLabels"])
    open_ports = ports_of(pod_of(workload)["containers"][0])
    asked, scraped = policy["spec"]["ingress"]
    allowed = asked["from"][0]["podSelector"]["matchLabels"]
    callers = {name_of(one) for one in _selected(manifests, allowed)}
    assert {"graft-trainer", "graft-predictor"} <= callers
    assert [open_ports[one["port"]] for one in asked["ports"] + scraped["ports"]] == [50051, 9101]
    assert "from" not in scraped


def test_services_are_headless_and_lead_to_an_open_port(manifests: Manifests) -> None:
    for service in manifests.of_kind("Service"):
        assert service["spec"]["clusterIP"] == "None", name_of(service)
        (workload,) = _selected(manifests, service["spec"]["selector"])
        open_ports = ports_of(pod_of(workload)["containers"][0])
        for port in service["spec"]["ports"]:
            assert open_ports[port["targetPort"]] == port["port"], name_of(service)


def test_whatever_a_pod_refers_to_exists(manifests: Manifests) -> None:
    # The base leaves one thing to its overlays: the object store's credentials.
    left_open = {("Secret", "graft-store")} if manifests.folder == "base" else set()
    missing = {
        (kind, name)
        for workload in manifests.workloads()
        for kind, name in references(workload)
        if name not in manifests.names(kind)
    }
    assert missing == left_open


def test_every_variable_is_one_that_the_services_read(manifests: Manifests) -> None:
    for workload, container in manifests.containers():
        if container["image"].startswith("graft-"):
            assert manifests.environment(container).keys() <= KEYS.keys(), label_of(workload)


def test_the_readme_explains_the_variables_that_are_set(local: Manifests) -> None:
    text = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    ours = [each for _, each in local.containers() if each["image"].startswith("graft-")]
    assert explained == {key for each in ours for key in local.environment(each)}


@pytest.mark.parametrize("service", SERVICES)
def test_the_services_accept_their_settings(local: Manifests, service: str) -> None:
    container = container_of(local, service)
    environ = local.environment(container)
    settings = read_settings(service, environ)
    ports = ports_of(container)
    assert settings.listen == f"0.0.0.0:{ports['grpc']}"
    assert settings.metrics_listen == f"0.0.0.0:{ports['metrics']}"
    store = read_s3_settings(settings.store_url, environ)
    address = store.endpoint.removeprefix("http://").split(":")
    (s3,) = local.one("Service", address[0])["spec"]["ports"]
    assert str(s3["port"]) == address[1]


@pytest.mark.parametrize("service", SERVICES)
def test_prometheus_is_told_the_metrics_port(manifests: Manifests, service: str) -> None:
    template = manifests.one("Deployment", f"graft-{service}")["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    metrics = ports_of(container_of(manifests, service))["metrics"]
    assert annotations["prometheus.io/scrape"] == "true"
    assert annotations["prometheus.io/port"] == str(metrics)


@pytest.mark.parametrize("service", ["trainer", "predictor"])
def test_the_embedder_is_found_at_every_ready_pod(manifests: Manifests, service: str) -> None:
    target = manifests.environment(container_of(manifests, service))["GRAFT_EMBEDDER"]
    found = re.fullmatch(r"dns:///([a-z-]+):(\d+)", target)
    assert found is not None, "only a DNS target resolves to all the pods of a headless Service"
    (port,) = manifests.one("Service", found[1])["spec"]["ports"]
    assert port["port"] == int(found[2])


def test_the_embedders_cache_is_a_volume(manifests: Manifests) -> None:
    container = container_of(manifests, "embedder")
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert manifests.environment(container)["GRAFT_CACHE"] in mounts


def test_the_job_log_has_one_owner_at_a_time(manifests: Manifests) -> None:
    spec: dict[str, Any] = manifests.one("Deployment", "graft-trainer")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_base_holds_no_credentials(manifests: Manifests) -> None:
    if manifests.folder == "base":
        assert manifests.of_kind("Secret") == []
    else:
        (secret,) = manifests.of_kind("Secret")
        assert "local cluster only" in secret["metadata"]["annotations"]["graft/warning"]


def test_the_bucket_job_runs_a_module_of_ours(local: Manifests) -> None:
    ((_, container),) = [
        found for found in local.containers() if name_of(found[0]) == "graft-bucket"
    ]
    assert container["image"] in {container_of(local, name)["image"] for name in SERVICES}
    python, flag, module = container["command"]
    assert (python, flag) == ("python", "-m")
    assert importlib.util.find_spec(module) is not None


def test_everything_local_lives_in_one_restricted_namespace(local: Manifests) -> None:
    (namespace,) = local.of_kind("Namespace")
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    others = [each for each in local.documents if each is not namespace]
    assert {each["metadata"]["namespace"] for each in others} == {name_of(namespace)}
