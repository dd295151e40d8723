"""The composition root: settings, resources, adapters, services, routes."""

from hub.app.resources import Resources, open_resources, open_transport, resolve_database_dsn
from hub.app.services import Services, build_services, build_worker
from hub.app.web import build_api, build_openapi_document, build_rate_limiter, build_readiness_checks, build_web_app
from hub.app.wiring.identity import IdentityServices

__all__ = [
    "IdentityServices",
    "Resources",
    "Services",
    "build_api",
    "build_openapi_document",
    "build_rate_limiter",
    "build_readiness_checks",
    "build_services",
    "build_web_app",
    "build_worker",
    "open_resources",
    "open_transport",
    "resolve_database_dsn",
]
