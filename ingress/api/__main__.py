"""`python -m ingress.api` writes what is made from the code: ops/docs/openapi.json and ops/docs/notifications.md."""

from ingress.api import notices_page, openapi

openapi.COPY.parent.mkdir(parents=True, exist_ok=True)
openapi.COPY.write_text(openapi.written(openapi.document()), encoding="utf-8")
notices_page.COPY.write_text(notices_page.page(), encoding="utf-8")
