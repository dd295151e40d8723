"""One run: the plan is played, time goes on until all is at rest, and then the books are looked at."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from simulation.actions import Actions, SimulatedTraveler, create_traveler
from simulation.booking_rules import find_violations, is_at_rest
from simulation.crash_points import CrashPoints, InjectedFailure, ProcessKilled, ProcessLife, current_process
from simulation.environment import Environment
from simulation.evidence import RuleViolation, RunEvidence
from simulation.hub_process import HubProcess, ProcessDied
from simulation.run_plan import PlannedEvent, RunPlan
from simulation.webhook_delivery import WebhookDelivery

T = TypeVar("T")

SETTLE_SECONDS = 48 * 3600.0
"""Virtual seconds after the last event, after which everything has to have come to an end."""


@dataclass
class RunReport:
    """What a run has come to. `outcomes` are the states of its bookings, `notes` what happened when."""

    plan: RunPlan
    violations: list[RuleViolation] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    event_counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    point_count: int = 0


class SimulationRun:
    def __init__(self, stage: Environment, plan: RunPlan) -> None:
        self._stage = stage
        self._plan = plan
        stage.prepare_run(plan.seed)
        blows = {
            one.params["point"]: InjectedFailure(one.params["blow"], one.params["after"], one.params["seconds"])
            for one in plan.events_of_kind("point")
        }
        self._points = CrashPoints(blows, self._died)
        self._around = stage.create_process_environment(self._points, plan.seed)
        self._house: HubProcess | None = None
        self._houses: list[HubProcess] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._parties = [create_traveler(plan.seed, who) for who in range(2)]
        self.report = RunReport(plan)
        self._post = WebhookDelivery(
            plan,
            self.send_request,
            stage.clock.now,
            self._spawn,
            stage.world.sign_callback,
            stage.world.acknowledge_callback,
        )
        self._acts = Actions(stage, self.send_request, self._parties, self._note)

    def _note(self, text: str) -> None:
        self.report.notes.append(f"{self._stage.clock.elapsed:10.2f} s  {text}")

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        """A task of the world outside, whoever has caused it."""
        task = asyncio.get_running_loop().create_task(work, context=_outside())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def send_request(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        if self._house is None:
            raise ProcessDied
        return await self._house.send_request(ask)

    def _died(self, life: ProcessLife, blow: InjectedFailure) -> None:
        self._note(
            f"process {life.number} is killed at point {len(self._points.passed_labels) - 1}: "
            f"{self._points.passed_labels[-1]}"
        )
        self._house = None
        life.kill_process()
        self._spawn(self._start(blow.seconds))

    async def _start(self, delay: float) -> None:
        await asyncio.sleep(delay)
        house = HubProcess(self._around, len(self._houses) + 1)
        self._houses.append(house)
        await house.start()
        self._house = house

    async def play_events(self) -> RunReport:
        stage = self._stage
        stage.world.send_callback = self._send
        stage.request_filter = self._gate
        await self._enter()
        await self._start(0.0)
        try:
            playing, endless = self._spawn(self._go_through()), self._spawn(self._points.limit_exceeded.wait())
            await asyncio.wait({playing, endless}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
            else:
                self.report.violations.append(
                    RuleViolation("It comes to rest", f"going on: {self._points.passed_labels[-8:]}")
                )
        finally:
            await self._leave()
        return self.report

    async def _go_through(self) -> None:
        events = [self._spawn(self._event(one)) for one in self._plan.events if one.at is not None]
        if events:
            await asyncio.wait(events)
            for one in events:
                one.result()
        await self._settle()
        await self._look_at_it()

    async def _enter(self) -> None:
        """The travellers have accounts."""
        for who in self._parties:
            await self._stage.server.execute_statement(
                "insert into customers (id, email, name, phone, created_at, verified_at) "
                "values ($1, $2, $3, $4, $5, $5)",
                who.caller.id, who.email, "Ada Rider", who.phone, self._stage.clock.now(),
            )  # fmt: skip

    async def _event(self, event: PlannedEvent) -> None:
        await asyncio.sleep(event.at or 0.0)
        self.report.event_counts[f"event {event.kind}"] += 1
        if self._house is not None and event.kind not in {"look", "accept", "fault", "script"}:
            self._house.reset_schedule_pace()
        match event.kind:
            case "hold":
                self._post.hold_provider(event)
                await asyncio.sleep(event.params["until"] - (event.at or 0.0))
                self._post.release_provider(event)
            case "schedules":
                await self._all_schedules()
            case _:
                await self._acts.perform_event(event)

    async def _all_schedules(self) -> None:
        house = self._house
        if house is not None:
            tasks = [house.spawn_task(house.run_schedule(one.name)) for one in house.schedules]
            await asyncio.wait(tasks)

    def _send(self, callback: Any) -> None:
        self._post.send_callback(callback)

    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """A call of the hub's: it may die before the other side has heard it, or after."""
        house = self._house
        if house is None or "browser" in request.headers.get("User-Agent", ""):
            answer: web.StreamResponse = await handler(request)
            return answer
        label = f"call {request.method} {request.path}"
        try:
            return await self._points.pass_point(house.life, label, lambda: handler(request))
        except ProcessKilled:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _settle(self) -> None:
        """Goes on in ever longer steps until nothing is left to happen; then on to the end of the time."""
        clock, began, step = self._stage.clock, self._stage.clock.elapsed, 8.0
        while clock.elapsed - began < SETTLE_SECONDS or self._post.in_flight:
            await asyncio.sleep(step)
            step = min(step * 2, 6 * 3600.0)
            if (
                self._post.in_flight == 0
                and self._house is not None
                and await is_at_rest(self._stage.server, self._ids)
            ):
                self._house.slow_schedules()
                await asyncio.sleep(max(0.0, SETTLE_SECONDS - (clock.elapsed - began)))
                return

    @property
    def _ids(self) -> list[Any]:
        return [one.booking.id for one in self._parties if one.booking is not None]

    @property
    def _unheard(self) -> bool:
        """Once the hub reconciles, a lost webhook is no excuse any more."""
        names = [one.name for house in self._houses[-1:] for one in house.schedules]
        return "stripe" in self._post.lost_providers and not any("reconcil" in one for one in names)

    async def _look_at_it(self) -> None:
        report, points = self.report, self._points
        evidence = RunEvidence(self._stage, self._acts, self._parties, self._unheard)
        report.violations = await find_violations(evidence)
        report.outcomes = evidence.outcomes
        report.event_counts.update(f"attention {one}" for case in evidence.bookings for one in case.review_items)
        report.point_count = len(points.passed_labels)
        for _, label, blow in points.injected_failures:
            report.event_counts[f"{blow.kind} {'after' if blow.is_after_effect else 'before'} {label.split()[0]}"] += 1
        for fate, times in self._post.fate_counts.items():
            report.event_counts[f"webhook {fate}"] += times
        for call in self._stage.world.calls:
            if call["fault"]:
                report.event_counts[f"fault {call['provider']} {call['fault']}"] += 1
        report.event_counts["webhooks delivered"] += self._post.delivered_count

    async def _leave(self) -> None:
        self._stage.request_filter = None
        self._stage.world.send_callback = lambda _: None
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))
        for house in self._houses:
            await house.shut_down()
        await self._acts.browser.close()


def _outside() -> Context:
    """Nothing of the process that has caused it: neither its life, nor a deadline that it had."""
    context = Context()
    context.run(current_process.set, None)
    return context


__all__ = ["RunReport", "SimulatedTraveler", "SimulationRun"]
