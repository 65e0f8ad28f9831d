"""Prefect's database, made once for all processes that test: its migrations take a new server five seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build import once

NAME = "prefect.db"


def home_with_database(home: Path, factory: pytest.TempPathFactory) -> Path:
    """Make a folder for Prefect with an empty database."""

    def migrate(made: Path) -> None:
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
        own = {"PREFECT_HOME": str(made), "PREFECT_API_URL": ""}
        subprocess.run(command, env=os.environ | own, check=True)

    home.mkdir(exist_ok=True)
    shutil.copy(once("migrated", factory, migrate) / NAME, home)
    return home
