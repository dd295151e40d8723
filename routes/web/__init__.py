"""The HTTP framework: endpoints, parsing, access, middleware, problems, OpenAPI."""
