"""Create everything that `prefect.yaml` and `automations.yaml` describe on the server at PREFECT_API_URL."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
POOL = "cleansplit"
AUTOMATIONS = ROOT / "automations.yaml"


def prefect(*arguments: str) -> list[str]:
    """Return Prefect's own command, of this interpreter."""
    return [sys.executable, "-m", "prefect", "--no-prompt", *arguments]


def deploy() -> None:
    """Create the work pool, the deployments and the automations; those that are there are brought up to date.

    Raises
    ------
    subprocess.CalledProcessError
        When Prefect refuses one; what it says has gone to standard error.
    """
    _run("work-pool", "create", POOL, "--type", "process", "--overwrite")
    _run("deploy", "--all")
    for automation in yaml.safe_load(AUTOMATIONS.read_text())["automations"]:
        subprocess.run(prefect("automation", "delete", automation["name"]), cwd=ROOT, capture_output=True, check=False)
    _run("automation", "create", "--from-file", str(AUTOMATIONS))


def _run(*arguments: str) -> None:
    subprocess.run(prefect(*arguments), cwd=ROOT, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    deploy()
