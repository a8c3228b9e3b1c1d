"""One look at a job, from what is remembered to what is written and counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from reconstruction_operator.application import Application
from reconstruction_operator.causes import Cause
from reconstruction_operator.connections import Connections
from reconstruction_operator.kube import ApiError
from reconstruction_operator.settings import Settings

from .builders import KEY, PROFILE_SPEC, SPEC, UID


class Server:
    """Takes every write and says no more than the version it has given, or `error`."""

    def __init__(self, error: Exception | None = None):
        self.error = error

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        assert method == "PUT" and path.endswith("/status")
        if self.error is not None:
            raise self.error
        return {"metadata": metadata(2)}

    async def create(self, path: str, manifest: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"metadata": manifest["metadata"] | {"uid": f"uid-of-{path}", "resourceVersion": "1"}}


def metadata(version: int) -> dict[str, Any]:
    named = {"namespace": KEY.namespace, "name": KEY.name}
    return named | {"uid": UID, "generation": 1, "resourceVersion": str(version)}


@pytest.mark.parametrize("engine", ["made-up", "splatfacto"])
async def test_an_engine_that_the_profile_does_not_offer_gives_no_series_of_its_own(engine: str) -> None:
    application = Application(Settings(), Connections.sharing(Server()), None)  # type: ignore[arg-type]
    store = application._store
    store.observe_profile({"metadata": {"name": "default"}, "spec": PROFILE_SPEC})
    store.observe_job({"metadata": metadata(1), "spec": SPEC | {"engine": engine}})
    application._watching.ready.set()
    await application._look(KEY)
    text = application.metrics.expose()[0].decode()
    assert engine not in text
    assert 'reconstructionjob_current{state="Failed"} 1.0' in text, "it was looked at"
    assert "reconstructionjob_finished_total{" not in text, "and may yet be accepted"


async def test_a_job_of_a_namespace_that_can_not_be_served_is_left_alone() -> None:
    server = Server()
    application = Application(Settings(namespaces=("museum",)), Connections.sharing(server), None)  # type: ignore[arg-type]
    store = application._store
    store.observe_profile({"metadata": {"name": "default"}, "spec": PROFILE_SPEC})
    store.observe_job({"metadata": metadata(1), "spec": SPEC})
    application._watching.ready.set()
    assert await application._look(KEY) is None
    assert "reconstructionjob_current{" not in application.metrics.expose()[0].decode()
    application._watching._active["museum"].set()
    await application._look(KEY)
    assert "reconstructionjob_current{" in application.metrics.expose()[0].decode()


async def test_a_replica_that_leads_is_ready_when_the_default_profile_was_looked_at(tmp_path: Path) -> None:
    """Whoever waits for the operator finds the profile; one with a mistake holds up nobody."""
    file = tmp_path / "profile.yaml"
    file.write_text("kind: ConfigMap")
    application = Application(Settings(default_profile=str(file)), Connections.sharing(Server()), None)  # type: ignore[arg-type]
    application._kinds_exist = application._leading = True
    application._watching.ready.set()
    assert application._readiness() == "the default profile is being applied" and application._note() == ""
    keeping = asyncio.create_task(application._default_profile.run())  # type: ignore[union-attr]
    await asyncio.sleep(0)
    keeping.cancel()
    assert application._readiness() == "" and "InvalidSpec" in application._note()
    assert "reconstruction_operator_default_profile_refused 1.0" in application.metrics.expose()[0].decode()


def with_a_job(server: Server, spec: dict[str, Any] = SPEC) -> Application:
    application = Application(Settings(), Connections.sharing(server), None)  # type: ignore[arg-type]
    application._store.observe_profile({"metadata": {"name": "default"}, "spec": PROFILE_SPEC})
    application._store.observe_job({"metadata": metadata(1), "spec": spec})
    application._watching.ready.set()
    return application


def value(application: Application, name: str) -> float:
    text = application.metrics.expose()[0].decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.split()[0] == name)


async def test_a_job_that_is_outdated_again_and_again_is_looked_at_more_and_more_seldom() -> None:
    server = Server(ApiError(409, "Conflict", "the object has been modified"))
    application = with_a_job(server)
    pauses = [await application._look(KEY) for _ in range(10)]
    assert pauses[:3] == [0.5, 1, 2] and pauses[-1] == 60
    assert value(application, "reconstruction_operator_outdated_total") == 10
    assert value(application, "reconstruction_operator_reconcile_errors_total") == 0
    server.error = None
    await application._look(KEY)
    server.error = ApiError(409, "Conflict", "the object has been modified")
    application._store.observe_job(
        {"metadata": metadata(5) | {"generation": 2}, "spec": SPEC | {"engine": "splatfacto"}}
    )
    assert await application._look(KEY) == 0.5, "from the beginning after a success"


@pytest.mark.parametrize("part", ["observe", "decide", "order_of"])
async def test_an_error_anywhere_in_a_look_is_counted_and_its_job_shown_until_a_look_succeeds(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = with_a_job(Server())

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(f"reconstruction_operator.application.{part}", broken)
        await application._queue._look(KEY, Cause.STARTING)
    assert value(application, "reconstruction_operator_reconcile_errors_total") == 1
    assert value(application, "reconstruction_operator_failing_jobs") == 1
    await application._queue._look(KEY, Cause.STARTING)
    assert value(application, "reconstruction_operator_failing_jobs") == 0
