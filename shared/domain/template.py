"""A text with places for what differs from one recipient to the next: `Hello {{name}}`."""

import re
from collections.abc import Mapping
from typing import Final

# Any name that a column of a table may have; blanks around it do not count.
_PLACE: Final = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")


class MissingVariables(Exception):
    """Nobody has said what goes into these places."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def fill(template: str, variables: Mapping[str, str]) -> str:
    """`template` with every `{{name}}` filled. What is filled in is not looked at again. Raises MissingVariables."""
    missing = [name for name in dict.fromkeys(_PLACE.findall(template)) if name not in variables]
    if missing:
        raise MissingVariables(missing)
    return _PLACE.sub(lambda place: variables[place.group(1)], template)
