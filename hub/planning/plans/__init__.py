"""Trip plans: made step by step, judged line by line, kept in versions, shared, and turned into flights to book."""

from hub.planning.plans.context.collector import ContextCollector
from hub.planning.plans.drafting.evaluation import EvaluationOutcome, EvaluationReport, PlanEvaluation, load_cases
from hub.planning.plans.drafting.llm_planner import LlmPlanner
from hub.planning.plans.edits import DayEdit, ItemEdit, PlanChanges
from hub.planning.plans.facade import PlanFacade, build_plan_facade
from hub.planning.plans.flight_refresh import RefreshedFlights
from hub.planning.plans.generation.recorder import error_to_problem
from hub.planning.plans.jobs import PlanReady
from hub.planning.plans.model import Budget, Kind, Plan, PlanDay, PlanRequest
from hub.planning.plans.ports import PlanRenderer
from hub.planning.plans.records import (
    GenerationEvent,
    PlanRecord,
    PlanStatistics,
    PlanStatus,
    PlanVersion,
    PlanVersionSummary,
    PlanView,
    PlanVisibility,
    VersionUsage,
)
from hub.planning.plans.rendering import (
    AffiliateTemplates,
    StandardPlanRenderer,
    build_filename,
    build_view_model,
    to_ics,
)
from hub.planning.plans.rendering.view_model import strip_invisible
from hub.planning.plans.repository import PlanRepository
from hub.planning.plans.service import CreatePlan, Plans

__all__ = [
    "AffiliateTemplates",
    "Budget",
    "ContextCollector",
    "CreatePlan",
    "DayEdit",
    "EvaluationOutcome",
    "EvaluationReport",
    "GenerationEvent",
    "ItemEdit",
    "Kind",
    "LlmPlanner",
    "Plan",
    "PlanChanges",
    "PlanDay",
    "PlanEvaluation",
    "PlanFacade",
    "PlanReady",
    "PlanRecord",
    "PlanRenderer",
    "PlanRepository",
    "PlanRequest",
    "PlanStatistics",
    "PlanStatus",
    "PlanVersion",
    "PlanVersionSummary",
    "PlanView",
    "PlanVisibility",
    "Plans",
    "RefreshedFlights",
    "StandardPlanRenderer",
    "VersionUsage",
    "build_filename",
    "build_plan_facade",
    "build_view_model",
    "error_to_problem",
    "load_cases",
    "strip_invisible",
    "to_ics",
]
