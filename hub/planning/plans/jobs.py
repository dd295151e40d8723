"""What plans ask of others and of themselves, as jobs."""

from uuid import UUID

from hub.core.jobs import Job


class PlanReady(Job, kind="plan.ready"):
    """Tell the traveller, who asked for it or has not waited."""

    plan_id: UUID


class FinishPlan(Job, kind="plan.finish", attempts=3):
    """Make the days that are missing: the traveller left, and wants to be told when it is ready."""

    plan_id: UUID
