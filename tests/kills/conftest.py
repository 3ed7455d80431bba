"""What these tests share with those of the workers."""

from tests.integration.workers.conftest import twilio

__all__ = ["twilio"]
