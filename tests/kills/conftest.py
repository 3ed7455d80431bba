"""What these tests share with those of the workers."""

from tests.integration.workers.conftest import rt, twilio

__all__ = ["rt", "twilio"]
