"""Everything that has to do with commands derives from one table, or agrees with it."""

import inspect
from typing import Any

import pytest
import yaml

import cleansplit
from flows.command.commands import app
from flows.engine.parameters import Command
from flows.table import AUDIT, COMMANDS, DEDUPE, RUN, SPLIT
from tests.house import ROOT

DEPLOYED = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


def test_every_flow_is_deployed() -> None:
    deployed = {entry["entrypoint"].replace("/", ".").replace(".py:", ".") for entry in DEPLOYED}
    assert deployed == {command.flow for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_the_sentence_of_the_table_as_help(command: Command[Any]) -> None:
    said = str(inspect.getdoc(app[command.name].default_command))
    assert said.startswith(command.sentence)


@pytest.mark.parametrize("command", [RUN, AUDIT, DEDUPE, SPLIT], ids=lambda command: command.name)
def test_python_has_the_commands_that_read_sources(command: Command[Any]) -> None:
    function = getattr(cleansplit, command.name)
    assert str(inspect.getdoc(function)).startswith(command.sentence)
    assert command.name in cleansplit.__all__
