"""Prepare this machine: a virtual environment with what the project needs. Standard library only.

`python3 deploy/bootstrap.py run` prepares for `make run`, `… test` for `make test`. What is ready
already is left alone; every failure is one line that says what to do.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
OLDEST_PYTHON = (3, 11)
FREE_MB, FREE_FOR_CUDA_MB = 3000, 9000
UNALARMED = {"PYTHONWARNINGS": "ignore:Editable installation"}  # of a kind that is meant
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Do what is still to be done for `run` or `test`."""
    purpose = sys.argv[1] if len(sys.argv) == 2 else ""
    if purpose not in ("run", "test"):
        stop("usage: python3 deploy/bootstrap.py run|test")
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        stop("Uncanny needs Python 3.11 or newer, this is %s: make PYTHON=python3.11 …" % found)
    check_folder()
    with ThreadPoolExecutor(max_workers=1) as beside:  # both mostly wait for the network
        if purpose == "test" and not find_chromium():
            beside.submit(ask_the_system_for_chromium)
        install(purpose)
    write_secret()
    if purpose == "test" and not find_chromium():
        download_chromium()


def stop(line: str) -> None:
    sys.exit("set-up: " + line)


def say(line: str) -> None:
    print(time.strftime("%H:%M:%S ") + line, flush=True)


def check_folder() -> None:
    if not os.access(ROOT, os.W_OK):
        stop(f"cannot write to {ROOT}: check its owner and permissions")
    free_mb = shutil.disk_usage(ROOT).free // 2**20
    if not os.path.exists(PYTHON) and free_mb < FREE_MB:
        stop(f"{ROOT} has {free_mb} MB free, and the set-up needs {FREE_MB} MB: make room first")
    if not os.path.exists(PYTHON) and free_mb < FREE_FOR_CUDA_MB:
        say(
            f"{ROOT} has {free_mb} MB free: enough for PyTorch without CUDA. If pip takes the build "
            f"with it, {FREE_FOR_CUDA_MB} MB are needed; see docs/operations.md"
        )


def wanted(purpose: str) -> str:
    """What an up-to-date environment was installed from."""
    parts = [purpose, sys.version]
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            parts.append(file.read())
    return "\n".join(parts)


def install(purpose: str) -> None:
    """Create .venv and install into it, unless exactly that was done before."""
    stamp = os.path.join(VENV, f".installed-{purpose}")
    content = wanted(purpose)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == content:
                return
    if not os.path.exists(PYTHON):
        say("creating .venv")
        run(
            [sys.executable, "-m", "venv", VENV],
            "cannot create .venv; on Debian: apt install python3-venv",
        )
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    pip += ["--no-compile"]  # most modules are never imported, and the rest when they first are
    pip += ["--constraint", os.path.join(ROOT, "constraints.txt")]
    subprocess.call([*pip, "--upgrade", "pip"])  # the one that Python brings takes longer
    tools = ", with its test tools" if purpose == "test" else ""
    say(f"installing Uncanny and what it needs{tools}")
    say("(PyTorch is the largest part: a minute or two)")
    with ThreadPoolExecutor(max_workers=1) as beside:  # each takes one core
        torch = beside.submit(subprocess.call, [*pip, "--no-deps", "torch"])
        editable = [*pip, "--no-deps", "--editable", ROOT]
        itself = beside.submit(subprocess.call, editable, env=os.environ | UNALARMED)
        unfinished = "--no-warn-conflicts"  # what PyTorch needs comes last
        others = subprocess.call([*pip, unfinished, *all_but_torch(purpose)])
    if torch.result() != 0:
        stop("cannot install PyTorch; see docs/operations.md")
    if others != 0 or itself.result() != 0:
        stop("cannot install; the lines above say why")
    run([*pip, "torch"], "cannot install what PyTorch needs; the lines above say why")
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(content)


def all_but_torch(purpose: str) -> "list[str]":
    """What pyproject.toml names, none of which needs PyTorch itself."""
    import tomllib  # new in the oldest Python that gets here

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    names = list(project["dependencies"])
    if purpose == "test":
        names += project["optional-dependencies"]["test"]
    return [name for name in names if not name.startswith("torch")]


def run(argv: "list[str]", complaint: str) -> None:
    if subprocess.call(argv) != 0:
        stop(complaint)


def write_secret() -> None:
    """Keep a secret key of this installation in .env, readable by its owner alone."""
    path = os.path.join(ROOT, ".env")
    if "SECRET_KEY" in os.environ:
        return
    known = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            known = file.read()
    if "SECRET_KEY=" in known:
        return
    with open(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8"
    ) as file:
        file.write(f"SECRET_KEY={os.urandom(32).hex()}\n")


def find_chromium() -> bool:
    given = os.environ.get("CHROMIUM", "")
    return bool(shutil.which(given) if given else any(map(shutil.which, CHROMIUM_NAMES)))


def ask_the_system_for_chromium() -> None:
    """Have its package manager install Chromium, where that may be done."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("installing Chromium for the browser tests")
        quiet = {"stdout": subprocess.DEVNULL}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.call(["apt-get", "update", "-qq"], env=environment, **quiet)
        subprocess.call(["apt-get", "install", "-y", "-qq", "chromium"], env=environment, **quiet)


def download_chromium() -> None:
    """Try Playwright's own, which needs the environment; say loudly if that does not work either."""
    subprocess.call([PYTHON, "-m", "playwright", "install", "chromium"])
    say(
        "!! no Chromium on the PATH: unless Playwright has its own, the browser tests will be SKIPPED."
    )


if __name__ == "__main__":
    main()
