"""Remove everything from the server at PREFECT_API_URL that deploying and running cleansplit put there."""

import contextlib
import sys

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import WorkPoolFilter
from prefect.exceptions import ObjectNotFound

from flows.command.deploy import AUTOMATIONS, DEPLOYMENTS, HOOK, name_of
from flows.command.server import ACTIVE, POOL, execute, require_server
from flows.engine.closing import close_what_dead_runs_left, of_flows, remove_runs, remove_unused
from flows.table import FLOW_NAMES
from tasks.errors import UsageError


def undeploy(*, pool: str = POOL, keep_runs: bool = False) -> None:
    """Remove deployments, automations, the work pool, and all runs with their artifacts. Workspaces are not changed.

    Parameters
    ----------
    pool
        The work pool; it stays if others have deployments in it.
    keep_runs
        Keep runs and their artifacts.
    """
    require_server()
    ours = of_flows(FLOW_NAMES.values())
    close_what_dead_runs_left(FLOW_NAMES.values())
    with get_client(sync_client=True) as client:
        if runs := client.read_flow_runs(flow_filter=ours, flow_run_filter=ACTIVE):
            raise UsageError(f"{runs[0].name} is active; let it end, or run `prefect flow-run cancel {runs[0].id}`.")
        for name in map(name_of, yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]):
            with contextlib.suppress(ObjectNotFound):
                deployed = client.read_deployment_by_name(name).id
                client.delete_resource_owned_automations(f"prefect.deployment.{deployed}")
                client.delete_deployment(deployed)
        for entry in yaml.safe_load(AUTOMATIONS.read_text())["automations"]:
            for automation in client.read_automations_by_name(entry["name"]):
                client.delete_automation(automation.id)
        with contextlib.suppress(ObjectNotFound):
            client.delete_block_document(client.read_block_document_by_name(HOOK, "webhook").id)
        in_pool = WorkPoolFilter.model_validate({"name": {"any_": [pool]}})
        if not client.read_deployments(work_pool_filter=in_pool):
            with contextlib.suppress(ObjectNotFound):
                client.delete_work_pool(pool)
        if not keep_runs:
            remove_runs(FLOW_NAMES.values(), client)
        remove_unused([flow.id for flow in client.read_flows(flow_filter=ours)], client)
    print("removed everything of cleansplit from the server; workspaces are not changed", file=sys.stderr)


if __name__ == "__main__":
    execute(undeploy)
