"""Everything that has to do with commands derives from one table, or agrees with it."""

import inspect
import io
import re
from typing import Any

import pytest
import yaml
from rich.console import Console

import cleansplit
from flows.command.commands import app
from flows.engine.parameters import Command
from flows.table import AUDIT, COMMANDS, DEDUPE, FLOW_NAMES, RUN, SPLIT
from tests.house import ROOT

DEPLOYED = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


def test_every_flow_is_deployed() -> None:
    deployed = {entry["entrypoint"].replace("/", ".").replace(".py:", ".") for entry in DEPLOYED}
    assert deployed == {command.flow for command in COMMANDS}


def test_automations_act_on_runs_of_our_flows_and_no_others() -> None:
    described = yaml.safe_load((ROOT / "automations.yaml").read_text())["automations"]
    *of_runs, of_events = described
    (ours,) = (trigger["name"] for entry in DEPLOYED for trigger in entry.get("triggers", ()))
    assert of_events["trigger"]["match"] == {"prefect.resource.name": [ours]}
    for automation in of_runs:
        matched = automation["trigger"]["match_related"]
        assert matched["prefect.resource.role"] == "flow"
        assert sorted(matched["prefect.resource.name"]) == sorted(set(FLOW_NAMES.values()))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_the_sentence_of_the_table_as_help(command: Command[Any]) -> None:
    own = app[command.name]
    assert str(own.help or inspect.getdoc(own.default_command)).startswith(command.sentence)


@pytest.mark.parametrize("command", [RUN, AUDIT, DEDUPE, SPLIT], ids=lambda command: command.name)
def test_python_has_the_commands_that_read_sources(command: Command[Any]) -> None:
    function = getattr(cleansplit, command.name)
    assert str(inspect.getdoc(function)).startswith(command.sentence)
    assert command.name in cleansplit.__all__


@pytest.mark.parametrize("name", [name for name in app if not name.startswith("-")])
def test_help_groups_options_and_ends_with_an_example_that_the_command_takes(name: str) -> None:
    shown = Console(file=io.StringIO(), width=200)
    app.help_print([name], console=shown)
    lines = shown.file.getvalue().splitlines()  # type: ignore[attr-defined]
    example = next(line for line in reversed(lines) if line.strip()).removeprefix("Example: ").split()
    assert example[:2] == ["cleansplit", name]
    app.parse_args(example[1:], exit_on_error=False, print_error=False)
    if "--verbose" in "".join(lines):
        assert "╭─ Parameters" not in "".join(lines), "each option is in a group"
    positional = [found[1] for line in lines if (found := re.match(r"│[ *]*([A-Z-]+) --", line))]
    assert {*positional} <= {"ROOT", "SOURCE", "RUN", "ONE", "OTHER"}
