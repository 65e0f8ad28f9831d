"""Create everything that `prefect.yaml` and `automations.yaml` describe on the server at PREFECT_API_URL."""

import sys
import tempfile
from collections.abc import Sequence
from typing import Any, Literal

import yaml
from loky import cpu_count
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import WorkPoolFilter
from prefect.events.schemas.automations import AutomationCore
from pydantic import SecretStr

from flows.command.server import POOL, ROOT, execute, require_server, run
from flows.table import FLOW_NAMES
from tasks.errors import UsageError

DEPLOYMENTS, AUTOMATIONS = ROOT / "prefect.yaml", ROOT / "automations.yaml"
CORES_A_RUN = 4  # a run uses all cores, but on a large machine a second one finds idle cores
HOOK = "cleansplit-notifications"  # the block with the address for notifications
Infrastructure = Literal["process", "docker", "kubernetes"]


def deploy(
    *,
    pool: str = POOL,
    infrastructure: Infrastructure = "process",
    git: str | None = None,
    branch: str | None = None,
    image: str | None = None,
    limit: int | None = None,
    notify: str | None = None,
) -> None:
    """Create the work pool, the deployments and the automations, or update existing ones.

    Parameters
    ----------
    pool
        The work pool whose workers run the deployments.
    infrastructure
        What a worker starts for each run: a process, a container, or a job in a cluster.
    git
        A repository from which workers fetch the code. If unset, and without an image, they use this folder.
    branch
        The branch of that repository; by default its own.
    image
        The image that containers and jobs run; it contains the code, like the Dockerfile's image.
    limit
        Maximum number of concurrent runs in the pool; for processes by default one per 4 cores of this machine.
    notify
        An address that receives a line of text when a run fails, is cancelled, skipped or late, and what became of each
        batch, such as a webhook of a chat system.
    """
    if (infrastructure == "process") == bool(image):
        raise UsageError("--image belongs to --infrastructure docker or kubernetes, which need it.")
    require_server()
    if not DEPLOYMENTS.exists():
        raise UsageError(f"{DEPLOYMENTS} does not exist; deploy from a clone of the project.")
    described = with_code(yaml.safe_load(DEPLOYMENTS.read_text()), pool, git, branch, image)
    if limit is None and infrastructure == "process":
        limit = max(1, cpu_count() // CORES_A_RUN)
    _make_pool(pool, infrastructure, limit)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(described, file)
        file.flush()
        run("deploy", "--all", "--prefect-file", file.name)
    dead, *told = yaml.safe_load(AUTOMATIONS.read_text())["automations"]
    put_automation(dead)
    if notify:
        message = _message_to(notify)
        for automation in told:
            put_automation(automation, [message])
    print(f"deployed to the work pool {pool}: {', '.join(map(name_of, described['deployments']))}", file=sys.stderr)


def name_of(described: dict[str, Any]) -> str:
    """Return the full name of a deployment, which begins with the name of its flow."""
    path = described["entrypoint"].replace("/", ".").replace(".py:", ".")
    return f"{FLOW_NAMES[path]}/{described['name']}"


def _make_pool(name: str, kind: Infrastructure, limit: int | None) -> None:
    """Create a work pool, and set its limit; an existing one keeps its other settings."""
    with get_client(sync_client=True) as client:
        found = client.read_work_pools(work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [name]}}))
        if not found:
            run("work-pool", "create", name, "--type", kind)
        elif found[0].type != kind:
            raise UsageError(f"the work pool {name} is of type {found[0].type}; name another with --pool.")
        if limit is not None:
            client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=limit))


def with_code(
    described: dict[str, Any], pool: str, git: str | None, branch: str | None, image: str | None
) -> dict[str, Any]:
    """Return an entry of `prefect.yaml` for a pool, with the place of the code."""
    if git:
        clone = {"repository": git} | ({"branch": branch} if branch else {})
        described["pull"] = [{"prefect.deployments.steps.git_clone": clone}]
    elif image:  # of the Dockerfile
        described["pull"] = [{"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}]
    for one in described["deployments"]:
        variables = one["work_pool"]["job_variables"] | ({"image": image} if image else {})
        one["work_pool"] = {"name": pool, "job_variables": variables}
    return described


def put_automation(entry: dict[str, Any], actions: Sequence[dict[str, Any]] = ()) -> None:
    """Create an automation, replacing ours of the same name; an equal one stays, with its pending triggers."""
    wanted = AutomationCore.model_validate(entry | ({"actions": actions} if actions else {}))
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(wanted.name)
        how: dict[str, Any] = {"include": set(AutomationCore.model_fields), "exclude": {"trigger": {"id"}}}
        if len(there) == 1 and there[0].model_dump(**how) == wanted.model_dump(**how):  # but for the server's ids
            return
        for automation in there:
            client.delete_automation(automation.id)
        client.create_automation(wanted)


def _message_to(url: str) -> dict[str, Any]:
    """Return the action that sends a message to an address, which is stored in a block with secret fields."""
    as_json: Any = {"Content-Type": "application/json"}
    block = Webhook(url=SecretStr(url), method="POST", headers=as_json).save(HOOK, overwrite=True)
    skipped = '"Deployment concurrency limit reached.", "skipped, since the run before it is still active."'
    why = f"(flow_run.state.message or flow_run.state.name) | replace({skipped})"
    refused = '(event.payload.reason and "no run was started for a batch: " ~ event.payload.reason)'
    said = f'event.payload.said or {refused} or (flow_run.name ~ " of " ~ flow.name ~ ": " ~ {why})'  # a batch says it
    return {"type": "call-webhook", "block_document_id": block, "payload": f'{{"text": {{{{ ({said}) | tojson }}}}}}'}


if __name__ == "__main__":
    execute(deploy)
