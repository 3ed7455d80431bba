"""The page at /docs: Swagger UI from our own disk, no CDN. Requests can be tried out in the sandbox only."""

from flask import Flask, Response
from flask_swagger_ui import get_swaggerui_blueprint

from shared.settings import Settings

# The page's start-up script and the styles of its widgets are inline; everything else comes from here or not at all.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
)


def install(app: Flask, settings: Settings) -> None:
    """Serves the page."""
    may_try = settings.env == "sandbox"
    config = {"app_name": "twilio-server", "validatorUrl": None, "tryItOutEnabled": may_try}
    if not may_try:
        config["supportedSubmitMethods"] = []
    page = get_swaggerui_blueprint("/docs", "/openapi.json", config=config, blueprint_name="docs")
    page.after_request(_confined)
    app.register_blueprint(page)


def _confined(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
