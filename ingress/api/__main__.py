"""`python -m ingress.api` writes the OpenAPI document to ops/docs/openapi.json."""

from ingress.api.openapi import COPY, document, written

COPY.parent.mkdir(parents=True, exist_ok=True)
COPY.write_text(written(document()), encoding="utf-8")
