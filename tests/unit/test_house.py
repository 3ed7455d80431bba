"""The rules of the house that a machine can keep: who may import whom, and what must not be used anywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ingress", "workers", "shared", "ops")

# Importer (longest prefix counts) -> what it must not import, by prefix.
FORBIDDEN = {
    "shared.domain": ("shared.", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg", "twilio", "requests",
                      "os", "time", "random", "socket", "logging", "structlog", "threading"),
    "shared.db": ("ingress", "workers", "ops", "flask", "celery", "redis", "twilio", "shared.twilio", "requests", "boto3"),
    "shared.twilio": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg"),
    "shared.storage": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg"),
    "shared.downstream": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg"),
    "shared.inbox": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "psycopg"),
    "shared.journal": ("shared.db", "shared.domain", "ingress", "workers", "ops", "flask", "celery", "psycopg", "redis"),
    "shared.celery_transport": ("ingress", "workers", "ops", "flask"),
    "shared": ("ingress", "workers", "ops", "flask", "celery"),
    "ingress": ("workers", "ops", "celery", "kombu", "boto3", "twilio"),
    "workers.handlers": ("ingress", "ops", "celery", "redis", "requests", "twilio", "shared.twilio", "shared.runtime",
                         "shared.downstream", "shared.storage", "flask"),
    "workers": ("ingress", "ops", "flask"),
    "ops.twilio_sim": ("ingress", "workers", "shared"),
    "ops.standins": ("ingress", "workers", "shared"),
}  # fmt: skip
# What an otherwise forbidden prefix does not mean.
ALLOWED = {"shared.domain": ("shared.domain", "shared.errors"), "shared.db": ("shared.domain", "shared.db")}
# The files of the workers that may know Celery.
CELERY_FILES = {
    "workers.app", "workers.house", "workers.beat", "workers.celery_config", "workers.message_check", "workers.quiet_request",
    "workers.guard",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def begins(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix if prefix.endswith(".") else prefix + ".")


def broken_by(module: str, imported: str) -> bool:
    rule = max((prefix for prefix in FORBIDDEN if begins(module, prefix)), key=len, default="")
    if any(begins(imported, allowed) for allowed in ALLOWED.get(rule, ())):
        return False
    return any(begins(imported, prefix) for prefix in FORBIDDEN.get(rule, ()))


@pytest.mark.parametrize(("module", "path"), [*modules()])
def test_nobody_imports_what_he_must_not_know(module, path):
    assert [name for name in imports(path) if broken_by(module, name)] == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [("shared.domain.x", "time"), ("shared.domain.x", "shared.db.jobs"), ("ingress.x", "twilio.rest"), ("ingress.x", "boto3"),
     ("workers.handlers.x", "shared.runtime.Runtime"), ("shared.db.x", "redis"), ("ops.twilio_sim.x", "shared.log")],
)  # fmt: skip
def test_the_rules_would_notice(module, imported):
    assert broken_by(module, imported)


def test_celery_is_known_to_a_few_files_only():
    knowing = {module for module, path in modules() if module.startswith("workers")
               and any(begins(name, "celery") or begins(name, "kombu") for name in imports(path))}  # fmt: skip
    assert knowing == CELERY_FILES


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


# Each of these is a measured way to lose or double work on Redis: waits live in rows instead.
LOSSY_OPTIONS = {"eta", "countdown", "rate_limit", "expires", "autoretry_for", "retry_backoff", "max_retries",
                 "task_annotations", "task_time_limit", "worker_max_tasks_per_child"}  # fmt: skip
LOSSY_CALLS = {"retry", "chord", "apply_async", "delay", "revoke", "send_task", "subtask"}
LOSSY_NAMES = {"chord", "chain", "group", "Retry", "Ignore", "maybe_signature", "AsyncResult"}
# Beat's own publishing (a skipped tick is made up for by the next), and the comparison of messages, which sends nothing.
LOSSY_BUT = {"workers/beat.py": {"apply_async"}, "workers/message_check.py": {"send_task"}}


def lossy(source: str) -> set[str]:
    """The features of Celery in `source` that lose or double work."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found |= {name} & LOSSY_CALLS | {keyword.arg or "" for keyword in node.keywords} & LOSSY_OPTIONS
        elif isinstance(node, ast.Attribute) and node.attr in LOSSY_CALLS:
            found.add(node.attr)  # handed on to be called elsewhere
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            said: set[object] = {
                key.value for key, value in pairs if isinstance(key, ast.Constant) and not says_none(value)
            }
            found |= {name for name in LOSSY_OPTIONS if name in said}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("celery"):
            found |= {name.name for name in node.names} & LOSSY_NAMES
    return found


def says_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


@pytest.mark.parametrize(
    "path", [path for module, path in modules() if module.startswith(("workers", "ingress", "shared"))]
)
def test_no_feature_of_celery_that_loses_or_doubles_work_is_used(path):
    allowed = LOSSY_BUT.get(str(path.relative_to(ROOT)), set())
    assert lossy(path.read_text(encoding="utf-8")) - allowed == set(), path.name


@pytest.mark.parametrize("source", [
    "task.apply_async(args, countdown=5)", "task.apply_async(args)", "task.delay(1)", "raise self.retry(exc=fault)",
    "self.retry()", "chord(header)(body)", "from celery import chord", "from celery.canvas import chain",
    "app.send_task('x', eta=later)", "app.send_task('x')", "app.control.revoke(task_id)", "AsyncResult(id).revoke()",
    "@app.task(rate_limit='10/m')\ndef f(): pass", "@app.task(autoretry_for=(OSError,))\ndef f(): pass",
    "@app.task(expires=60)\ndef f(): pass", "conf = {'task_annotations': {'*': 1}}", "conf = {'task_time_limit': 120}",
    "schedule = {'task': 't', 'options': {'expires': 15}}", "again = self.retry", "later(task.delay, 1)",
    "from celery.exceptions import Retry", "super().apply_async(entry)",
])  # fmt: skip
def test_each_of_them_would_be_noticed(source):
    assert lossy(source)


def test_sql_lives_in_shared_db_only():
    asking = {
        str(path.relative_to(ROOT))
        for module, path in modules()
        if module.startswith(("ingress", "workers", "shared")) and not module.startswith("shared.db")
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "execute" and call.args
    }
    assert asking == {"ingress/health.py"}  # "select 1": is PostgreSQL there?


@pytest.mark.parametrize(
    "path", [path for module, path in modules() if module.startswith(("workers", "ingress", "shared"))]
)
def test_nobody_else_reads_the_environment(path):
    readers = {"shared/metrics.py", "ingress/wsgi.py", "ingress/gunicorn_conf.py", "workers/app.py", "workers/house.py"}
    if str(path.relative_to(ROOT)) not in readers:
        assert "os.environ" not in path.read_text(encoding="utf-8")
        assert "getenv" not in path.read_text(encoding="utf-8")


def test_the_top_level_holds_what_belongs_there_and_nothing_else():
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout, so there is no list of what belongs to the project")
    tops = {name.split("/")[0] for name in listed}
    allowed = {"pyproject.toml", "README.md", "Procfile", "docker-compose.yml", "LICENSE", "ingress", "workers", "shared",
               "tests", "ops"}  # fmt: skip
    assert {name for name in tops if not name.startswith(".")} <= allowed
