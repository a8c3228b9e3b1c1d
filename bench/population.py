"""Fills a cluster with jobs that ended long ago: copies of one that really ran, with all that it left behind."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from tests.cluster.workbench import JobUnderTest, Workbench

from reconstruction_api.names import GROUP, LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator import paths
from reconstruction_operator.kube import MERGE_PATCH
from reconstruction_operator.manifests.names import child_job_name, claim_name

from .measuring import in_parallel

Document = dict[str, Any]
_NOBODY = "bench.reconstruction.dev/nobody"
_CREATED_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "annotations")


@dataclass(frozen=True)
class Remains:
    """What a finished job consists of: itself, its child Jobs, the last one's pod, and its claim."""

    job: Document
    child_jobs: list[Document]
    pod: Document

    @classmethod
    async def of(cls, job: JobUnderTest) -> Remains:
        children = await job.children()
        last = (await job.get())["status"]["runs"][-1]["jobName"]
        pods = await job.children("/api/v1/.../pods")
        pod = next(each for each in pods if each["metadata"]["ownerReferences"][0]["name"] == last)
        return cls(await job.get(), children, pod)

    async def copy_as(self, work: Workbench, name: str) -> None:
        """Another job that ended in the same way. Its Jobs are nobody's, so that no controller works on them."""
        job = JobUnderTest(work, name)
        created = await work.kube.create(job.path.rpartition("/")[0], _renamed(self.job, name), brief=True)
        uid: str = created["metadata"]["uid"]
        status: Document = copy.deepcopy(self.job["status"])
        names: dict[str, str] = {}
        for run in status["runs"]:
            names[run["jobName"]] = child_job_name(name, uid, run["resourceClass"], run["digest"], run["attempt"])
            run["jobName"] = names[run["jobName"]]
        for stage in status["stages"]:
            stage["jobName"] = names[stage["jobName"]]
        status["workspaceClaim"] = claim_name(name)
        body = {"metadata": {"uid": uid}, "status": status}
        await work.kube.request("PATCH", f"{job.path}/status", body=body, content_type=MERGE_PATCH, brief=True)
        marks = {LABEL_JOB: name, LABEL_JOB_UID: uid}
        for child in self.child_jobs:
            document = _renamed(child, names[child["metadata"]["name"]], marks)
            template = document["spec"]["template"] | {"metadata": {"labels": marks}}
            document["spec"] = _without(document["spec"], "selector") | {"managedBy": _NOBODY, "template": template}
            await _with_status(work, paths.child_jobs(work.namespace), document, child["status"])
        runner = names[self.pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]]
        pod = _renamed(self.pod, f"{runner}-0", marks | {"batch.kubernetes.io/job-name": runner})
        pod["spec"] = _without(pod["spec"], "nodeName", "tolerations") | {"schedulingGates": [{"name": _NOBODY}]}
        await _with_status(work, paths.pods(work.namespace), pod, _without(self.pod["status"], "qosClass"))
        claim = {"metadata": {"name": claim_name(name), "labels": marks}, "spec": _CLAIM}
        await work.kube.create(paths.claims(work.namespace), claim, brief=True)


_CLAIM = {
    "accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}},
}  # fmt: skip


async def fill(work: Workbench, remains: Remains, count: int) -> None:
    """`count` copies."""
    await in_parallel(count, lambda number: remains.copy_as(work, f"old-{number}"))


async def _with_status(work: Workbench, path: str, document: Document, status: Document) -> None:
    await work.kube.create(path, document, brief=True)
    place = f"{path}/{document['metadata']['name']}/status"
    await work.kube.request("PATCH", place, body={"status": status}, content_type=MERGE_PATCH, brief=True)


def _renamed(document: Document, name: str, marks: Document | None = None) -> Document:
    """The same object under another name, belonging to the job that `marks` names."""
    metadata = _without(document["metadata"], *_CREATED_BY_SERVER, "ownerReferences", "finalizers", "generateName")
    metadata["name"] = name
    if marks is not None:
        ours = {key: value for key, value in metadata["labels"].items() if key.startswith(f"{GROUP}/")}
        metadata["labels"] = ours | marks
    return copy.deepcopy(_without(document, "status", "metadata")) | {"metadata": metadata}


def _without(document: Document, *names: str) -> Document:
    return {name: value for name, value in document.items() if name not in names}
