"""Facts from outside that are data, not code: one JSON file each, with its source written inside."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read(name: str) -> Any:
    """The file `name` (without `.json`), parsed once a process. Not to be changed: everybody gets the same object.

    Raises FileNotFoundError when there is none.
    """
    return json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
