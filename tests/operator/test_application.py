"""One look at a job, from what is remembered to what is written and counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from reconstruction_operator.application import Application
from reconstruction_operator.connections import Connections
from reconstruction_operator.settings import Settings

from .builders import KEY, PROFILE_SPEC, SPEC, UID


class Server:
    """Takes every write and says no more than the version it has given."""

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        assert method == "PUT" and path.endswith("/status")
        return {"metadata": metadata(2)}

    async def create(self, path: str, manifest: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"metadata": manifest["metadata"] | {"uid": f"uid-of-{path}", "resourceVersion": "1"}}


def metadata(version: int) -> dict[str, Any]:
    place = {"namespace": KEY.namespace, "name": KEY.name}
    return place | {"uid": UID, "generation": 1, "resourceVersion": str(version)}


@pytest.mark.parametrize("engine", ["made-up", "splatfacto"])
async def test_an_engine_that_the_profile_does_not_offer_gives_no_series_of_its_own(engine: str) -> None:
    application = Application(Settings(), Connections.sharing(Server()), None)  # type: ignore[arg-type]
    store = application._store
    store.see_profile({"metadata": {"name": "default"}, "spec": PROFILE_SPEC})
    store.see_job({"metadata": metadata(1), "spec": SPEC | {"engine": engine}})
    await application._look(KEY)
    text = application.metrics.expose()[0].decode()
    assert engine not in text
    assert 'reconstructionjob_current{state="Failed"} 1.0' in text, "it was looked at"
    assert "reconstructionjob_finished_total{" not in text, "and may yet be accepted"


async def test_a_job_of_a_namespace_that_can_not_be_served_is_left_alone() -> None:
    server = Server()
    application = Application(Settings(namespaces=("museum",)), Connections.sharing(server), None)  # type: ignore[arg-type]
    store = application._store
    store.see_profile({"metadata": {"name": "default"}, "spec": PROFILE_SPEC})
    store.see_job({"metadata": metadata(1), "spec": SPEC})
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
