"""What Celery and kombu have to say, in our log. They say it to loggers of theirs, which nobody hears without this."""

import logging
from typing import Final

from shared import log

_LOGGERS: Final = ("celery", "kombu")


class Bridge(logging.Handler):
    """Passes on warnings and worse: the sentence without its values, because they quote messages and addresses."""

    def emit(self, record: logging.LogRecord) -> None:
        """An error of Celery's is one of ours: a person should look."""
        told = record.args if isinstance(record.args, tuple) else ()
        fault = record.exc_info[1] if record.exc_info else None
        types = [type(value).__name__ for value in told if isinstance(value, BaseException)]
        level = log.get().error if record.levelno >= logging.ERROR else log.get().warning
        said = str(record.msg).strip().partition("\n")[0]
        level(
            "celery_complained", logger=record.name, said=said, errors=types, where=log.where(fault) if fault else None
        )


def listen() -> None:
    """From now on. Said again, it changes nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [Bridge(logging.WARNING)]
        logger.setLevel(logging.WARNING)
        logger.propagate = False
