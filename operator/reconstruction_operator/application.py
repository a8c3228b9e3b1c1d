"""Puts the parts together: watch -> observe -> decide -> act, while this replica leads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp

from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, JOB_PLURAL, PROFILE_PLURAL
from reconstruction_api.worker import ProgressUpdate

from . import http, paths, probes
from .act import Actor, Outdated, Refused, StatusRefused
from .backoff import Backoff
from .buckets import Buckets
from .causes import Cause
from .clock import SYSTEM, Clock
from .connections import Connections
from .custom_resources import CustomResources, Kopf
from .decide import decide
from .default_profile import DefaultProfile
from .dependents import Dependents
from .event_recorder import Recorder
from .forward import Forwarder
from .inquiry import Inquiries
from .kube import ApiError, load_configuration
from .leader import Lease, LeaseSettings
from .live_updates import LiveUpdates
from .metrics import Metrics
from .model import JobKey
from .notifier import Notifier
from .observe import observe, order_of
from .policies.reporting.counted_engine import counted_engine, psnr_of_others
from .policies.reporting.measures import Measures, measures, outcome
from .ports import Ports
from .queue import JobQueue
from .receivers import Receivers
from .resync import resync
from .reviews import TokenReviewer
from .rewinds import Rewound
from .settings import Settings
from .signatures import SigningKeys
from .slots import Limits, Slots
from .snapshots import Snapshots
from .store import Store
from .tokens import PodIdentity
from .watching import Watching

_log = logging.getLogger(__name__)

_OUTDATED_SECONDS = (0.5, 60.0)
"""A job that has changed is looked at when its watch shows the change; this is for what no watch shows."""
_FLUSH_SECONDS = 5.0
_SILENT_SECONDS = 300.0
"""Watches reconnect by themselves long before; if they have not, a new process is the remedy."""
_UPDATES = (20, 0.1)
"""Live updates of one pod: so many at once, then one each so many seconds. Ours sends one a second."""
_KINDS = {JOB_PLURAL, PROFILE_PLURAL, CLUSTER_PROFILE_PLURAL}


class Application:
    """One replica of the operator."""

    def __init__(self, settings: Settings, connections: Connections, custom: CustomResources, clock: Clock = SYSTEM):
        self._settings = settings
        self._clock = clock
        self._connections = connections
        self._kube = kube = connections.work
        self._slots = Slots(
            Limits(settings.max_concurrent_jobs, settings.max_concurrent_jobs_per_namespace), self._wake
        )
        self._policy = settings.policy
        self._store = Store(self._slots, settings.ownership)
        self._snapshots = Snapshots(kube, self._store)
        self._live = LiveUpdates(settings.status_interval_seconds, settings.live_updates_per_second)
        self._queue = JobQueue(self._look, settings.concurrency)
        self._outdated = Backoff[JobKey](*_OUTDATED_SECONDS)
        self._recorder = Recorder(kube, settings.identity)
        receivers = Receivers.of(settings.notification_allow)
        self._notifier = Notifier(kube, receivers, self._queue.add)
        self._actor = Actor(kube, self._store, self._recorder, self._notifier, settings.ownership, clock)
        self._inquiries = Inquiries(kube, self._store, self._queue.add, clock=clock)
        self._dependents = Dependents(kube, self._store, self._queue.add)
        self._watching = Watching(
            connections.watches, self._store, self._queue, custom, settings.namespaces, self._is_at_rest
        )
        self._default_profile: DefaultProfile | None = None
        if settings.default_profile:
            self._default_profile = DefaultProfile(
                kube, Path(settings.default_profile), settings.release, lambda name: ("", name) in self._store.profiles
            )
        self.metrics = Metrics()
        self._contenders: set[str] = set()
        """Other installations that were named in the log."""
        self._stop = asyncio.Event()
        self._kinds_exist = False
        self._leading = False
        self._lease = Lease(
            connections.lease,
            LeaseSettings(
                settings.lease_namespace,
                settings.lease_name,
                settings.identity,
                settings.advertise_url,
                settings.lease_duration_seconds,
                settings.lease_renew_deadline_seconds,
                settings.lease_retry_seconds,
            ),
            clock.monotonic,
        )
        self.metrics.queue_depth.set_function(lambda: len(self._queue))
        self.metrics.failing.set_function(lambda: self._queue.failing)
        self.metrics.waiting.set_function(lambda: len(self._slots))
        self.metrics.without_node.set_function(lambda: self._slots.nodeless)
        self.metrics.watch_age.set_function(self._watching.quiet_seconds)
        self.metrics.unserved_namespaces.set_function(lambda: len(self._watching.namespaces.unserved()))
        self.metrics.jobs_of_others.set_function(lambda: sum(bool(job.holder) for job in self._store.jobs.values()))
        self.metrics.default_profile_refused.set_function(lambda: bool(self._note()))
        connections.count_calls(self.metrics.count_call)
        self._ports = Ports(settings, self.metrics)

    async def run(self) -> int:
        """Until a signal arrives or the Lease is lost; the exit status."""
        self._handle_signals()
        try:
            await self._serve()
            return await self.work(self._handle_signals)
        finally:
            await self._ports.close()
            await self._connections.close()

    def stop(self) -> None:
        """As at SIGTERM."""
        self._stop.set()

    async def work(self, watching: Callable[[], None] = lambda: None) -> int:
        """Wait for the Lease and lead, until stopped or the Lease is lost; the exit status. Ports and signals are the
        process's; `watching` is called when all that is watched is known."""
        try:
            if not await self._unless_stopped(self._prepare()):
                return 0
            return await self._lead(watching)
        finally:
            await self._lease.release()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    async def _prepare(self) -> None:
        await self._wait_for_kinds()
        if self._settings.leader_election:
            await self._lease.acquire()

    async def _lead(self, watching: Callable[[], None]) -> int:
        """Whatever ends first ends all, the workers before everything else: then the Lease can be given up at once."""
        self._leading = True
        self._policy = replace(self._policy, listening_since=self._clock.now())
        self.metrics.leader.set(1)
        work = asyncio.create_task(self._work(watching), name="work")
        tasks = [
            work,
            asyncio.create_task(self._watching.run(self._stop), name="watching"),
            asyncio.create_task(self._resync(), name="resync"),
            asyncio.create_task(self._recorder.run(), name="events"),
            asyncio.create_task(self._inquiries.run(), name="inquiries"),
            asyncio.create_task(self._stop.wait(), name="stop"),
        ]
        if self._default_profile:
            tasks.append(asyncio.create_task(self._default_profile.run(), name="default profile"))
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
            _report_failure(task)
        lost = keeping in done
        return 1 if failed or lost else 0

    async def _work(self, watching: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(watching))
            await self._watching.begun.wait()
            await self._queue.run()

    async def _tell(self, watching: Callable[[], None]) -> None:
        await self._watching.ready.wait()
        watching()  # kopf has put its own signal handlers in place of ours; it is stopped through the stop flag

    async def _look(self, key: JobKey) -> float | None:
        """Decide about one job and act; in how many seconds to look again. Whatever fails in it is counted."""
        if key in self._store.jobs and not self._watching.knows(key):
            self._slots.step_aside(key)
            return None
        started = self._clock.monotonic()
        try:
            seconds = await self._decide_and_act(key, started)
        except Outdated:
            self.metrics.outdated.inc()
            return self._outdated.failed(key)
        except Exception as error:
            self.metrics.reconcile_errors.inc()
            self._watching.namespaces.suspect(key.namespace, error)
            raise
        finally:
            self.metrics.reconcile_seconds.observe(self._clock.monotonic() - started)
        self._outdated.reset(key)
        return seconds

    async def _decide_and_act(self, key: JobKey, started: float) -> float | None:
        if self._is_at_rest(key):
            return None
        live, live_wait = self._live.visible(key, started)
        age = self._live.age(key, started)
        heard = self._clock.now() - timedelta(seconds=age) if age is not None else None
        await self._dependents.fetch_upstream(key)
        await self._snapshots.fetch(key)
        observed = observe(self._store, key, live, self._policy, heard, self._snapshots.get(key))
        if observed is None:
            self._leave_alone(key)
            self._dependents.wake(key)
            self._queue.forget(key)
            self._live.forget(key)
            self._snapshots.forget(key)
            self._notifier.forget(key)
            self.metrics.forget(key)
            return None
        sent, sending = self._notifier.observed(key)
        if sent or sending:
            observed = replace(observed, sent=sent, sending=sending)
        now = self._clock.now()
        plan = decide(observed, now)
        self._slots.settle(key, self._store.lane(key), order_of(observed, self._store.jobs[key].created), plan.slot)
        if observed.job.unreadable is not None and plan.status is not None:
            about = {"namespace": key.namespace, "job": key.name}
            _log.warning("status can't be read, pods are left alone: %s", observed.job.unreadable.problem, extra=about)
        try:
            await self._actor.act(observed.job, plan)
            status = plan.status or observed.job.status
            engine = counted_engine(observed.job.spec, status)
            others = psnr_of_others(observed.job.spec, status, engine)
            self.metrics.record(key, engine, measures(observed, status, now), others)
            self._inquiries.ask(key, plan.inquiries)
            self._dependents.wake(key)
        except StatusRefused as refusal:
            self.metrics.status_refusals.inc()
            _log.error("status refused: %s", refusal, extra={"namespace": key.namespace, "job": key.name})
            return refusal.look_again_seconds
        except Refused as refusal:
            _log.info("not created: %s", refusal, extra={"namespace": key.namespace, "job": key.name})
            return 0.0
        waits = [] if live_wait is None else [live_wait]
        if plan.next_check is not None:
            waits.append(max(0.0, (plan.next_check - self._clock.now()).total_seconds()))
        return min(waits) if waits else None

    def _is_at_rest(self, key: JobKey) -> bool:
        """Whether the job has ended and needs no decision; then it is counted, and looked at again when something of it
        is to be deleted."""
        now = self._clock.now()
        resting = self._store.rest(key, now)
        if resting is None:
            return False
        self.metrics.record(key, "", Measures(outcome(resting.succeeded["status"], resting.succeeded["reason"])))
        self._live.forget(key)
        self._dependents.wake(key)
        if resting.until is not None:
            self._queue.add_after(key, (resting.until - now).total_seconds())
        return True

    def _leave_alone(self, key: JobKey) -> None:
        """Say once that jobs are another installation's."""
        stored = self._store.jobs.get(key)
        if stored is not None and stored.holder and stored.holder not in self._contenders:
            self._contenders.add(stored.holder)
            _log.warning(
                "jobs of the installation %s are left alone: exclude their namespaces, use another operator class, or "
                "take them over if it is gone",
                stored.holder,
                extra={"namespace": key.namespace, "job": key.name},
            )

    def _wake(self, key: JobKey) -> None:
        """It is the job's turn."""
        self._queue.add(key, Cause.STARTING)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            active = self._watching.active()
            for namespace in active:
                await self._resync_in(namespace)
            try:
                await self._watching.list_profiles(active)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("resync failed: %s", error)

    async def _resync_in(self, namespace: str) -> None:
        try:
            found = await resync(self._kube, self._store, namespace, self._queue.add)
            self.metrics.resync_corrections.inc(found)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            if not self._watching.namespaces.suspect(namespace, error):
                _log.warning("resync failed: %s", error, extra={"namespace": namespace})

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

    async def _serve(self) -> None:
        reviews = self._connections.reviews
        keys = SigningKeys(reviews, self._clock.monotonic)
        reviewer = TokenReviewer(reviews, self._clock.monotonic, self._is_worker, keys=keys)
        sink = http.ProgressSink(
            accepting=lambda: self._leading,
            leader=lambda: self._lease.leader_address,
            pods=self._store.pods,
            receive=self._receive,
            updates=Buckets(self._clock.monotonic, *_UPDATES),
        )
        health = probes.Health(self._liveness, self._readiness, self._note)
        await self._ports.open(health, reviewer, sink, Forwarder(keys))

    def _liveness(self) -> str:
        quiet = self._watching.quiet_seconds() if self._leading else 0.0
        return "" if quiet < _SILENT_SECONDS else f"no event from the API server for {quiet:.0f} s"

    def _readiness(self) -> str:
        if not self._kinds_exist:
            return "the custom resource definitions are missing"
        if self._leading and not self._watching.ready.is_set():
            return "the watches are starting"
        if self._leading and self._default_profile and not self._default_profile.looked:
            return "the default profile is being applied"
        return ""

    def _note(self) -> str:
        """Jobs continue without the default profile, or with the one that is there: no reason to be unready."""
        problem = self._default_profile.problem if self._default_profile else ""
        return f"the default profile was not changed: {problem}" if problem else ""

    def _is_worker(self, pod: PodIdentity) -> bool:
        return self._store.has_pod(pod.namespace, pod.name, pod.uid)

    def _receive(self, key: JobKey, update: ProgressUpdate) -> bool:
        wait = self._live.receive(key, update, self._clock.monotonic())
        if wait is None:
            return False
        self._queue.add_after(key, wait, Cause.OBSERVED)
        return True


def _report_failure(task: asyncio.Task) -> None:
    error = task.exception()
    rewound = error.subgroup(Rewound) if isinstance(error, BaseExceptionGroup) else error
    while isinstance(rewound, BaseExceptionGroup):
        rewound = rewound.exceptions[0]
    if isinstance(rewound, Rewound):
        _log.error("%s", rewound)
    else:
        _log.error("a part of the operator failed: %s", task.get_name(), exc_info=error)


async def _cancel(task: asyncio.Task) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


async def main(settings: Settings) -> int:
    """Run one replica with these settings; the exit status of the process."""
    connections = Connections.open(await load_configuration(settings.kubeconfig), settings.concurrency)
    custom = Kopf(await load_configuration(settings.kubeconfig), clusterwide=not settings.namespaces)
    return await Application(settings, connections, custom).run()
