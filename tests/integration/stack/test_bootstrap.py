"""The venv is made once, from a lock, by uv or by pip, with and without a network; what is missing is said in words."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CALLER = """#!/bin/sh
set -eu
. "$(dirname -- "$0")/bootstrap.sh"
bootstrap "$1"
"$TS_PYTHON" -c 'import tiny; print(tiny.NAME)'
"""
# Tells what it was told, then installs the one package there is; or fails, when it finds no package or is asked to.
FAKE_UV = """#!/bin/sh
echo "uv called with UV_FIND_LINKS=${UV_FIND_LINKS:-} UV_NO_INDEX=${UV_NO_INDEX:-}"
[ -z "${BREAK_UV:-}" ] || exit 1
cd "$(dirname -- "$0")/../lib/"python*/site-packages || exit 1
../../../bin/python -m zipfile -e "$UV_FIND_LINKS/tiny-1.0-py3-none-any.whl" . 2>/dev/null
"""


class Checkout:
    """A small repository with the real bootstrap.sh, two locks and a folder of wheels in place of an index."""

    def __init__(self, folder: Path):
        self.root, self.wheels = folder / "a repo", folder / "wheels"
        locks = self.root / "ops" / "requirements"
        locks.mkdir(parents=True)
        self.wheels.mkdir()
        shutil.copy(ROOT / "ops" / "bootstrap.sh", self.root / "ops")
        (self.root / "ops" / "go").write_text(CALLER)
        (self.root / "ops" / "go").chmod(0o755)
        tiny = wheel(self.wheels, "tiny", {"tiny.py": "NAME = 'tiny'\n"})
        for level in ("demo", "test", "lint"):
            (locks / f"{level}.lock").write_text(f"tiny==1.0 --hash=sha256:{tiny}\n")
        uv = wheel(self.wheels, "uv", {"uv-1.0.data/scripts/uv": FAKE_UV})
        (locks / "uv.lock").write_text(f"uv==1.0 --hash=sha256:{uv}\n")

    def go(self, level: str = "demo", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "ops" / "go", level],
            env=self.env(**more),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "TS_"))}
        # No index and no pip.conf of this machine: only the folder is asked.
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        return {**kept, **offline, "PYTHON": sys.executable, **more}

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def log(self) -> str:
        return (self.venv / ".bootstrap.log").read_text()


def wheel(folder: Path, name: str, files: dict[str, str]) -> str:
    """Write `name`-1.0 with `files` into `folder`; returns the SHA-256 in hex."""
    info = f"{name}-1.0.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            entry = zipfile.ZipInfo(inside)
            entry.external_attr = (0o100755 if "/scripts/" in inside else 0o100644) << 16
            archive.writestr(entry, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout that was never set up."""
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    found = Checkout(tmp_path_factory.mktemp("first"))
    assert found.go().stdout == "tiny\n"
    return found


@pytest.fixture
def made(checkout: Checkout, first: Checkout) -> Checkout:
    """A checkout that was set up for `demo`."""
    shutil.copytree(first.venv, checkout.venv, symlinks=True)
    return checkout


def test_pips_settings_reach_uv(first: Checkout):
    assert f"uv called with UV_FIND_LINKS={first.wheels} UV_NO_INDEX=1" in first.log


def test_pip_helps_out_when_uv_fails(checkout: Checkout):
    done = checkout.go(BREAK_UV="1")
    assert done.stdout == "tiny\n", done.stderr
    assert "trying pip" in done.stderr


def test_a_second_start_does_nothing_and_needs_nothing(made: Checkout):
    shutil.rmtree(made.wheels)
    done = made.go()
    assert (done.returncode, done.stdout, done.stderr) == (0, "tiny\n", "")


def test_what_was_made_for_more_is_enough_for_less_but_not_the_other_way_round(made: Checkout):
    assert "(lint)" in made.go("lint").stderr
    assert made.go("test").stderr == ""
    assert made.go("demo").stderr == ""


def test_a_changed_lock_is_installed_into_the_same_venv(made: Checkout):
    (made.venv / "mine").touch()
    with (made.root / "ops" / "requirements" / "demo.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "up to date (demo)" in made.go().stderr
    assert (made.venv / "mine").exists()


def test_half_a_venv_is_made_anew(made: Checkout):
    (made.venv / ".unfinished").touch()
    (made.venv / "lib" / "half").touch()
    assert "Setting up" in made.go().stderr
    assert not (made.venv / "lib" / "half").exists()


def test_two_at_once_make_one_venv(checkout: Checkout):
    command = [checkout.root / "ops" / "go", "demo"]
    started = [
        subprocess.Popen(command, env=checkout.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate() for process in started]
    assert [out for out, _ in told] == ["tiny\n", "tiny\n"]
    assert sum("Setting up" in err for _, err in told) == 1


def test_without_an_index_the_way_out_is_named(checkout: Checkout):
    for found in checkout.wheels.iterdir():
        found.unlink()
    done = checkout.go()
    assert done.returncode == 2
    assert "no package index reachable; set PIP_INDEX_URL" in done.stderr
    assert str(checkout.venv / ".bootstrap.log") in done.stderr
    assert not (checkout.venv / ".stamp").exists()


def test_a_package_that_was_tampered_with_is_not_installed(checkout: Checkout):
    # By pip; real uv does the same.
    wheel(checkout.wheels, "tiny", {"tiny.py": "NAME = 'evil'\n"})
    done = checkout.go(BREAK_UV="1")
    assert done.returncode == 2
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr


def test_the_venv_may_be_elsewhere(checkout: Checkout, tmp_path: Path):
    assert checkout.go(TS_VENV=str(tmp_path / "elsewhere")).stdout == "tiny\n"
    assert not checkout.venv.exists()


def test_a_python_that_is_none_is_told(checkout: Checkout):
    done = checkout.go(PYTHON="/bin/false")
    assert done.returncode == 2
    assert "3.11 or newer is needed" in done.stderr


def test_an_old_python_is_told_with_its_version(checkout: Checkout, tmp_path: Path):
    old = tmp_path / "bin" / "python3"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\ncase $* in *platform*) echo 3.8.1 ;; *) exit 1 ;; esac\n")
    old.chmod(0o755)
    for name in ("sed", "dirname", "uname", "grep", "cat"):
        (old.parent / name).symlink_to(shutil.which(name) or name)
    env = {**checkout.env(PATH=str(old.parent)), "PYTHON": ""}
    done = subprocess.run(
        ["/bin/sh", checkout.root / "ops" / "go", "demo"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed, found: 3.8.1" in done.stderr
