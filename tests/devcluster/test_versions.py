import re

from devcluster import build, versions


def required(module: str, path: str) -> str:
    text = (build.MODULES / module / "go.mod").read_text()
    match = re.search(rf"^\s*(?:require )?{re.escape(path)} v(\S+)( // indirect)?$", text, re.MULTILINE)
    assert match, f"{path} is not required by {module}"
    return match[1]


def test_the_go_modules_pin_the_versions_that_the_package_names() -> None:
    assert required("kubernetes", "k8s.io/kubernetes") == versions.KUBERNETES
    assert required("kubernetes", "go.etcd.io/etcd/server/v3") == versions.ETCD
    assert required("kueue", "sigs.k8s.io/kueue") == versions.KUEUE
    assert required("jobset", "sigs.k8s.io/jobset") == versions.JOBSET
    assert required("kube-router", "github.com/cloudnativelabs/kube-router/v2") == versions.KUBE_ROUTER


def test_every_staging_module_is_replaced_by_the_release_of_the_same_kubernetes() -> None:
    text = (build.MODULES / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ v(\S+)$", text, re.MULTILINE)
    assert len(replaced) > 20
    assert set(replaced) == {"0." + versions.KUBERNETES.split(".", 1)[1]}
