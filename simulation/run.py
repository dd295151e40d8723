"""One run: the plan is played, time goes on until all is at rest, and then the books are looked at."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from simulation.acts import Acts, Party, party
from simulation.checks import at_rest, examine
from simulation.crash_points import Blow, Killed, Life, Points, mine
from simulation.environment import Stage
from simulation.evidence import Breach, Evidence
from simulation.hub_process import Down, House
from simulation.plan import Event, Plan
from simulation.webhook_delivery import Post

T = TypeVar("T")

LONG_ENOUGH = 48 * 3600.0
"""Virtual seconds after the last event, after which everything has to have come to an end."""


@dataclass
class Report:
    """What a run has come to. `ends` are the states of its bookings, `notes` what happened when."""

    plan: Plan
    breaches: list[Breach] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    points: int = 0


class Run:
    def __init__(self, stage: Stage, plan: Plan) -> None:
        self._stage = stage
        self._plan = plan
        stage.reset(plan.seed)
        blows = {
            one.facts["point"]: Blow(one.facts["blow"], one.facts["after"], one.facts["seconds"])
            for one in plan.of("point")
        }
        self._points = Points(blows, self._died)
        self._around = stage.surroundings(self._points, plan.seed)
        self._house: House | None = None
        self._houses: list[House] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._parties = [party(plan.seed, who) for who in range(2)]
        self.report = Report(plan)
        self._post = Post(plan, self.serve, stage.clock.now, self._spawn, stage.world.sign, stage.world.acknowledge)
        self._acts = Acts(stage, self.serve, self._parties, self._note)

    def _note(self, text: str) -> None:
        self.report.notes.append(f"{self._stage.clock.elapsed:10.2f} s  {text}")

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        """A task of the world outside, whoever has caused it."""
        task = asyncio.get_running_loop().create_task(work, context=_outside())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def serve(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        if self._house is None:
            raise Down
        return await self._house.serve(ask)

    def _died(self, life: Life, blow: Blow) -> None:
        self._note(
            f"process {life.number} is killed at point {len(self._points.passed) - 1}: {self._points.passed[-1]}"
        )
        self._house = None
        life.die()
        self._spawn(self._start(blow.seconds))

    async def _start(self, delay: float) -> None:
        await asyncio.sleep(delay)
        house = House(self._around, len(self._houses) + 1)
        self._houses.append(house)
        await house.start()
        self._house = house

    async def play(self) -> Report:
        stage = self._stage
        stage.world.send = self._send
        stage.gate = self._gate
        await self._enter()
        await self._start(0.0)
        try:
            playing, endless = self._spawn(self._go_through()), self._spawn(self._points.endless.wait())
            await asyncio.wait({playing, endless}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
            else:
                self.report.breaches.append(Breach("It comes to rest", f"going on: {self._points.passed[-8:]}"))
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
            await self._stage.server.tell(
                "insert into customers (id, email, name, phone, created_at, verified_at) "
                "values ($1, $2, $3, $4, $5, $5)",
                who.caller.id, who.email, "Ada Rider", who.phone, self._stage.clock.now(),
            )  # fmt: skip

    async def _event(self, event: Event) -> None:
        await asyncio.sleep(event.at or 0.0)
        self.report.counts[f"event {event.kind}"] += 1
        if self._house is not None and event.kind not in {"look", "accept", "fault", "script"}:
            self._house.disturb()
        match event.kind:
            case "hold":
                self._post.hold(event)
                await asyncio.sleep(event.facts["until"] - (event.at or 0.0))
                self._post.release(event)
            case "schedules":
                await self._all_schedules()
            case _:
                await self._acts.play(event)

    async def _all_schedules(self) -> None:
        house = self._house
        if house is not None:
            tasks = [house.spawn(house.run_schedule(one.name)) for one in house.schedules]
            await asyncio.wait(tasks)

    def _send(self, callback: Any) -> None:
        self._post.send(callback)

    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """A call of the hub's: it may die before the other side has heard it, or after."""
        house = self._house
        if house is None or "browser" in request.headers.get("User-Agent", ""):
            answer: web.StreamResponse = await handler(request)
            return answer
        label = f"call {request.method} {request.path}"
        try:
            return await self._points.through(house.life, label, lambda: handler(request))
        except Killed:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _settle(self) -> None:
        """Goes on in ever longer steps until nothing is left to happen; then on to the end of the time."""
        clock, began, step = self._stage.clock, self._stage.clock.elapsed, 8.0
        while clock.elapsed - began < LONG_ENOUGH or self._post.underway:
            await asyncio.sleep(step)
            step = min(step * 2, 6 * 3600.0)
            if self._post.underway == 0 and self._house is not None and await at_rest(self._stage.server, self._ids):
                self._house.slow_down()
                await asyncio.sleep(max(0.0, LONG_ENOUGH - (clock.elapsed - began)))
                return

    @property
    def _ids(self) -> list[Any]:
        return [one.booking.id for one in self._parties if one.booking is not None]

    @property
    def _unheard(self) -> bool:
        """Once the hub reconciles, a lost webhook is no excuse any more."""
        names = [one.name for house in self._houses[-1:] for one in house.schedules]
        return "stripe" in self._post.lost and not any("reconcil" in one for one in names)

    async def _look_at_it(self) -> None:
        report, points = self.report, self._points
        evidence = Evidence(self._stage, self._acts, self._parties, self._unheard)
        report.breaches = await examine(evidence)
        report.ends = evidence.ends
        report.counts.update(f"attention {one}" for case in evidence.cases for one in case.attention)
        report.points = len(points.passed)
        for _, label, blow in points.struck:
            report.counts[f"{blow.kind} {'after' if blow.after else 'before'} {label.split()[0]}"] += 1
        for fate, times in self._post.done.items():
            report.counts[f"webhook {fate}"] += times
        for call in self._stage.world.calls:
            if call["fault"]:
                report.counts[f"fault {call['provider']} {call['fault']}"] += 1
        report.counts["webhooks delivered"] += self._post.delivered

    async def _leave(self) -> None:
        self._stage.gate = None
        self._stage.world.send = lambda _: None
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))
        for house in self._houses:
            await house.leave()
        await self._acts.browser.close()


def _outside() -> Context:
    """Nothing of the process that has caused it: neither its life, nor a deadline that it had."""
    context = Context()
    context.run(mine.set, None)
    return context


__all__ = ["Party", "Report", "Run"]
