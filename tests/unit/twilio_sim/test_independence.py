"""The simulator stands opposite to the service: it may share nothing with it."""

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "ops" / "twilio_sim"
ALLOWED = {"flask", "werkzeug", "requests", "urllib3", "twilio", "ops"} | sys.stdlib_module_names


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            found.add(node.module or "")
    return found


def test_the_simulator_imports_nothing_of_the_service_it_stands_opposite_to():
    files = list(PACKAGE.rglob("*.py"))
    assert files
    for file in files:
        for name in imports_of(file):
            top = name.split(".")[0]
            assert top in ALLOWED, f"{file.name} imports {name}"
            assert top != "ops" or name.startswith("ops.twilio_sim"), f"{file.name} imports {name}"


def test_no_signature_is_computed_by_code_of_ours():
    """`hmac` may compare passwords; only the SDK may make a digest."""
    for file in PACKAGE.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        assert "hmac.new" not in source
        assert "hmac.digest" not in source
        assert "sha1" not in source
