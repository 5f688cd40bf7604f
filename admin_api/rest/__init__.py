"""The REST API under ``/api/v1``: routes, the schemas of bodies and answers, the OpenAPI description."""
