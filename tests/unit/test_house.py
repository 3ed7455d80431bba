"""The rules of the house that a machine can keep: who may import whom, and what must not be used anywhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ingress", "workers", "shared", "ops")

# Importer (longest prefix counts) -> what it must not import, by prefix.
FORBIDDEN = {
    "shared.domain": ("shared.", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg", "twilio", "requests",
                      "os", "time", "random", "socket", "logging", "structlog", "threading"),
    "shared.data": ("shared.", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg", "twilio", "requests"),
    "shared.db": ("ingress", "workers", "ops", "flask", "celery", "redis", "twilio", "shared.twilio", "requests", "boto3"),
    "shared.twilio": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg"),
    "shared.store": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg"),
    "shared.downstream": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg"),
    "shared.outside": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "redis", "psycopg", "requests"),
    "shared.inbox": ("shared.db", "ingress", "workers", "ops", "flask", "celery", "psycopg"),
    "shared.journal": ("shared.db", "shared.domain", "ingress", "workers", "ops", "flask", "celery", "psycopg", "redis"),
    "shared.celery_transport": ("ingress", "workers", "ops", "flask"),
    "shared": ("ingress", "workers", "ops", "flask", "celery"),
    "ingress": ("workers", "ops", "celery", "kombu", "boto3", "twilio"),
    "workers.handlers": ("ingress", "ops", "celery", "redis", "requests", "twilio", "shared.twilio", "shared.runtime",
                         "shared.downstream", "shared.outside", "shared.store", "flask"),
    "workers": ("ingress", "ops", "flask"),
    "ops.twilio_sim": ("ingress", "workers", "shared"),
    "ops.standins": ("ingress", "workers", "shared"),
}  # fmt: skip
# What an otherwise forbidden prefix does not mean.
ALLOWED = {
    "shared.domain": ("shared.domain", "shared.data", "shared.errors"),
    "shared.db": ("shared.domain", "shared.data", "shared.db"),
}
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
     ("workers.handlers.x", "shared.runtime.Runtime"), ("shared.db.x", "redis"), ("ops.twilio_sim.x", "shared.log"),
     ("shared.data.x", "shared.domain.phone")],
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
LOSSY_OPTIONS = {"eta", "countdown", "rate_limit", "task_default_rate_limit", "expires", "autoretry_for", "retry_backoff",
                 "retry_kwargs", "default_retry_delay", "max_retries", "link", "link_error", "task_annotations",
                 "task_time_limit", "worker_max_tasks_per_child"}  # fmt: skip
LOSSY_CALLS = {"retry", "chord", "apply_async", "delay", "revoke", "rate_limit", "send_task", "send_task_message", "subtask",
               "s", "si", "link", "link_error", "on_error", "add_to_chord", "starmap", "chunks"}  # fmt: skip
LOSSY_NAMES = {"chord", "chain", "group", "Retry", "Ignore", "signature", "maybe_signature", "AsyncResult", "canvas",
               "exceptions"}  # fmt: skip
# Beat's own publishing (a skipped tick is made up for by the next), the comparison of messages, which sends nothing, and the
# links of a store, which are addresses.
LOSSY_BUT = {"workers/beat.py": {"apply_async"}, "workers/message_check.py": {"send_task"},
             "ingress/api/recording_links.py": {"link"}}  # fmt: skip


def lossy(source: str) -> set[str]:
    """The features of Celery in `source` that lose or double work, however they are spelled."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, ast.Constant(value=str(name)), *_]):
                found |= {name} & (LOSSY_CALLS | LOSSY_OPTIONS)
            case ast.Call(func=ast.Attribute(attr="signature" as name)):  # as an attribute it is Twilio's header
                found.add(name)
            case ast.Call(func=ast.Name(id=name)):
                found |= {name} & LOSSY_CALLS
            case ast.Attribute(attr=name):  # called, or handed on to be called elsewhere, or set
                found |= {name} & (LOSSY_CALLS | LOSSY_OPTIONS if isinstance(node.ctx, ast.Store) else LOSSY_CALLS)
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                found |= {name} & LOSSY_OPTIONS
            case ast.ClassDef(body=body):
                found |= {name for name in set_in(body) if name in LOSSY_OPTIONS}
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                said: set[object] = {
                    key.value for key, value in pairs if isinstance(key, ast.Constant) and not says_none(value)
                }
                found |= {name for name in LOSSY_OPTIONS if name in said}
            case ast.ImportFrom(module=str(module), names=names) if begins(module, "celery"):
                found |= {name.name for name in names} & LOSSY_NAMES
            case ast.Import(names=names):  # its parts would go by another name: "from celery import ..." says them
                found |= {name.name for name in names if begins(name.name, "celery")}
        if isinstance(node, ast.Call):
            found |= {keyword.arg or "" for keyword in node.keywords} & LOSSY_OPTIONS
    return found


def set_in(body: list[ast.stmt]) -> Iterator[str]:
    """The names that a class gives a value."""
    for line in body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        yield from (target.id for target in targets if isinstance(target, ast.Name))


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
    "from celery.exceptions import Retry", "super().apply_async(entry)", "task.s(1).set(countdown=5)", "task.si(1)",
    "task.signature((1,))", "task.s(1).link(other)", "call.on_error(other)", "task.link_error = other", "f.rate_limit = '1/s'",
    "class T(Task):\n    rate_limit = '1/s'", "class T(Task):\n    max_retries: int = 3", "app.conf['task_annotations'] = {}",
    "class T(Task):\n    autoretry_for = (OSError,)", "app.conf.task_annotations = {}", "options['countdown'] = 5",
    "app.control.rate_limit('t', '1/s')", "conf = {'task_default_rate_limit': '1/s'}", "dict(eta=later)", "f(**{'eta': later})",
    "getattr(task, 'apply_async')(args)", "setattr(task, 'rate_limit', '1/s')", "import celery", "import celery.canvas as c",
    "from celery import signature", "from celery import canvas", "from celery import exceptions",
    "@app.task(default_retry_delay=3)\ndef f(): pass",
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
    readers = {
        "shared/metrics.py",
        "ingress/wsgi.py",
        "ingress/gunicorn_conf.py",
        "ingress/fallback.py",
        "ingress/fallback_conf.py",
        "workers/app.py",
        "workers/house.py",
    }
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


def test_no_test_empties_the_redis_that_others_use_at_the_same_time():
    """The test workers share one Redis and have a database of it each: FLUSHALL takes everybody's."""
    theirs = re.compile(r"^(?!.*own_redis).*\.flushall\(", re.MULTILINE)
    found = [path for path in (ROOT / "tests").rglob("*.py") if theirs.search(path.read_text(encoding="utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in found if path != Path(__file__)] == []
