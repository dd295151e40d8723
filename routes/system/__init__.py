"""Endpoints for operators and tools: health, metrics, OpenAPI, keys, error codes."""
