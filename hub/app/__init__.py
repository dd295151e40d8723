"""The composition root: settings, resources, adapters, services, routes."""

from hub.app.people import People
from hub.app.resources import Resources, database_dsn, resources, transport_alone
from hub.app.services import Services, services, worker
from hub.app.web import api, checks, limiter, openapi, web_app

__all__ = [
    "People",
    "Resources",
    "Services",
    "api",
    "checks",
    "database_dsn",
    "limiter",
    "openapi",
    "resources",
    "services",
    "transport_alone",
    "web_app",
    "worker",
]
