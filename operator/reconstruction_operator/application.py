"""Puts the parts together: watch -> observe -> decide -> act, while this replica leads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp import web

from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, JOB_PLURAL, PROFILE_PLURAL
from reconstruction_api.worker import ProgressUpdate

from . import http, paths
from .act import Actor, Outdated, Refused
from .backoff import Backoff
from .causes import Cause
from .chains import Chains
from .decide import decide
from .events import Recorder
from .inquiry import Inquiries
from .kube import ApiError, Kube, load_configuration
from .leader import Lease, LeaseSettings
from .metrics import Metrics
from .model import JobKey
from .notifier import Notifier
from .observe import observe, order_of
from .policies.engines import counted_engine
from .policies.measures import measures
from .progress import LiveUpdates
from .queue import JobQueue
from .receivers import Receivers
from .resync import resync
from .settings import Settings
from .slots import Limits, Slots
from .store import Store
from .tokens import TokenReviewer
from .watching import Watching

_log = logging.getLogger(__name__)

_OUTDATED_SECONDS = (0.5, 60.0)
"""A job that has changed is looked at when its watch shows the change; this is for what no watch shows."""
_FLUSH_SECONDS = 5.0
_SILENT_SECONDS = 300.0
"""Watches reconnect by themselves long before; if they have not, a new process is the remedy."""
_KINDS = {JOB_PLURAL, PROFILE_PLURAL, CLUSTER_PROFILE_PLURAL}


class Application:
    """One replica of the operator."""

    def __init__(self, settings: Settings, kube: Kube, watching_configuration):
        self._settings = settings
        self._kube = kube
        self._slots = Slots(
            Limits(settings.max_concurrent_jobs, settings.max_concurrent_jobs_per_namespace), self._wake
        )
        self._policy = settings.policy
        self._store = Store(self._slots)
        self._live = LiveUpdates(settings.status_interval_seconds)
        self._queue = JobQueue(self._look, settings.concurrency)
        self._outdated = Backoff[JobKey](*_OUTDATED_SECONDS)
        self._recorder = Recorder(kube, settings.identity)
        receivers = Receivers.of(settings.notification_allow)
        self._notifier = Notifier(kube, receivers, self._queue.add)
        self._actor = Actor(kube, self._store, self._recorder, self._notifier)
        self._inquiries = Inquiries(kube, self._store, self._queue.add)
        self._chains = Chains(kube, self._store, self._queue.add)
        self._watching = Watching(kube, self._store, self._queue, watching_configuration, settings.namespaces)
        self.metrics = Metrics()
        self._stop = asyncio.Event()
        self._kinds_exist = False
        self._leading = False
        self._lease = Lease(
            kube,
            LeaseSettings(
                settings.lease_namespace,
                settings.lease_name,
                settings.identity,
                settings.advertise_url,
                settings.lease_duration_seconds,
                settings.lease_renew_deadline_seconds,
                settings.lease_retry_seconds,
            ),
        )
        self.metrics.queue_depth.set_function(lambda: len(self._queue))
        self.metrics.failing.set_function(lambda: self._queue.failing)
        self.metrics.waiting.set_function(lambda: len(self._slots))
        self.metrics.watch_age.set_function(self._watching.quiet_seconds)
        kube.called = self.metrics.api_calls.inc

    async def run(self) -> int:
        """Until a signal arrives or the Lease is lost; the exit status."""
        self._heed_signals()
        runner = await self._serve()
        try:
            if not await self._unless_stopped(self._prepare()):
                return 0
            return await self._lead()
        finally:
            await self._lease.release()
            await runner.cleanup()
            await self._kube.close()

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    async def _prepare(self) -> None:
        await self._wait_for_kinds()
        if self._settings.leader_election:
            await self._lease.acquire()

    async def _lead(self) -> int:
        """Whatever ends first ends all, the workers before everything else: then the Lease can be given up at once."""
        self._leading = True
        self._policy = replace(self._policy, listening_since=datetime.now(UTC))
        self.metrics.leader.set(1)
        work = asyncio.create_task(self._work(), name="work")
        tasks = [
            work,
            asyncio.create_task(self._watching.run(self._stop), name="watching"),
            asyncio.create_task(self._resync(), name="resync"),
            asyncio.create_task(self._recorder.run(), name="events"),
            asyncio.create_task(self._inquiries.run(), name="inquiries"),
            asyncio.create_task(self._stop.wait(), name="stop"),
        ]
        keeping: asyncio.Task | None = None
        if self._settings.leader_election:
            keeping = asyncio.create_task(self._lease.keep(), name="lease")
            tasks.append(keeping)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._leading = False
        self.metrics.leader.set(0)
        await _cancel(work)
        await self._notifier.close()
        if keeping:
            await _cancel(keeping)  # it would take back what is given up
        await self._lease.release()
        await self._recorder.flush(_FLUSH_SECONDS)
        self._stop.set()
        for task in tasks:
            await _cancel(task)
        failed = [task for task in done if not task.cancelled() and task.exception() is not None]
        for task in failed:
            _log.error("a part of the operator failed: %s", task.get_name(), exc_info=task.exception())
        lost = keeping in done
        return 1 if failed or lost else 0

    async def _work(self) -> None:
        await self._watching.ready.wait()
        self._heed_signals()  # kopf has put its own handlers in place of ours; it is told through the stop flag
        await self._queue.run()

    async def _look(self, key: JobKey) -> float | None:
        """Decide about one job and act; in how many seconds to look again. Whatever fails in it is counted."""
        started = time.monotonic()
        try:
            seconds = await self._bring_forward(key, started)
        except Outdated:
            self.metrics.outdated.inc()
            return self._outdated.failed(key)
        except Exception:
            self.metrics.reconcile_errors.inc()
            raise
        finally:
            self.metrics.reconcile_seconds.observe(time.monotonic() - started)
        self._outdated.reset(key)
        return seconds

    async def _bring_forward(self, key: JobKey, started: float) -> float | None:
        live, live_wait = self._live.visible(key, started)
        age = self._live.age(key, started)
        heard = datetime.now(UTC) - timedelta(seconds=age) if age is not None else None
        await self._chains.look_up(key)
        observed = observe(self._store, key, live, self._policy, heard)
        if observed is None:
            self._chains.tell(key)
            self._queue.forget(key)
            self._live.forget(key)
            self._notifier.forget(key)
            self.metrics.forget(key)
            return None
        sent, sending = self._notifier.observed(key)
        if sent or sending:
            observed = replace(observed, sent=sent, sending=sending)
        now = datetime.now(UTC)
        plan = decide(observed, now)
        self._slots.settle(key, self._store.lane(key), order_of(observed, self._store.jobs[key].created), plan.place)
        try:
            await self._actor.act(observed.job, plan)
            status = plan.status or observed.job.status
            engine = counted_engine(observed.job.spec, status)
            self.metrics.record(key, engine, measures(observed, status, now))
            self._inquiries.ask(key, plan.inquiries)
            self._chains.tell(key)
        except Refused as refusal:
            _log.info("not created: %s", refusal, extra={"namespace": key.namespace, "job": key.name})
            return 0.0
        waits = [] if live_wait is None else [live_wait]
        if plan.next_check is not None:
            waits.append(max(0.0, (plan.next_check - datetime.now(UTC)).total_seconds()))
        return min(waits) if waits else None

    def _wake(self, key: JobKey) -> None:
        """It is the job's turn."""
        self._queue.add(key, Cause.STARTING)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            try:
                found = await resync(self._kube, self._store, self._settings.namespaces, self._queue.add)
                self.metrics.resync_corrections.inc(found)
                await self._watching.list_profiles()
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("resync failed: %s", error)

    async def _wait_for_kinds(self) -> None:
        """The custom resources may be installed after the operator."""
        while True:
            try:
                answer = await self._kube.get(paths.API)
                if {each["name"] for each in answer.get("resources", [])} >= _KINDS:
                    self._kinds_exist = True
                    return
                _log.info("waiting for the custom resource definitions")
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.info("waiting for the API server and the custom resource definitions: %s", error)
            await asyncio.sleep(1)

    async def _unless_stopped(self, work) -> bool:
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        await _cancel(stop)
        if not task.done():
            await _cancel(task)
            return False
        task.result()
        return True

    async def _serve(self) -> web.AppRunner:
        reviewer = TokenReviewer(self._kube, time.monotonic)
        sink = http.ProgressSink(
            accepting=lambda: self._leading,
            leader=lambda: self._lease.leader_address,
            pods=self._store.pods,
            receive=self._receive,
        )
        app = http.application(http.Health(self._liveness, self._readiness), self.metrics, reviewer, sink)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, self._settings.http_host, self._settings.http_port).start()
        _log.info("serving", extra={"port": runner.addresses[0][1]})
        return runner

    def _liveness(self) -> str:
        quiet = self._watching.quiet_seconds() if self._leading else 0.0
        return "" if quiet < _SILENT_SECONDS else f"nothing was heard from the API server for {quiet:.0f} s"

    def _readiness(self) -> str:
        if not self._kinds_exist:
            return "the custom resource definitions are missing"
        if self._leading and not self._watching.ready.is_set():
            return "the watches are starting"
        return ""

    def _receive(self, key: JobKey, update: ProgressUpdate) -> bool:
        wait = self._live.receive(key, update, time.monotonic())
        if wait is None:
            return False
        self._queue.add_after(key, wait, Cause.OBSERVED)
        return True


async def _cancel(task: asyncio.Task) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def main(settings: Settings) -> int:
    """Run one replica with these settings; the exit status of the process."""
    kube = Kube(await load_configuration(settings.kubeconfig), connections=settings.concurrency * 2)
    return await Application(settings, kube, await load_configuration(settings.kubeconfig)).run()
