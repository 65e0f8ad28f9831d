"""Keep a workspace and Prefect's server small and intact: remove old runs, and verify the newest."""

import os
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client

from flows.engine.closing import remove_runs
from flows.engine.declare import our_flow
from flows.engine.progress import say
from flows.table import CLEAN, FLOW_NAMES, VERIFY
from tasks.errors import UsageError
from tasks.records.spec import CleanSpec, VerifySpec
from tasks.reporting.verify import require_verified
from tasks.storage import cleaning
from tasks.storage.workspace import find_run, latest_in

DAYS = "CLEANSPLIT_RUN_DAYS"  # a cleaning removes older runs of ours from Prefect's server


@our_flow(CLEAN)
def clean(spec: CleanSpec) -> list[str]:
    if days := os.environ.get(DAYS):
        if not days.isdecimal():
            raise UsageError(f"{DAYS}: give a whole number of days, and not {days}.")
        oldest = datetime.now(UTC) - timedelta(days=int(days))
        with get_client(sync_client=True) as client:
            removed = remove_runs(FLOW_NAMES.values(), client, end_time={"before_": oldest})
        say(f"removed {len(removed):,} runs and subflows older than {days} days from Prefect's server")
    try:
        done = cleaning.clean(spec.place, spec.keep)
    except UsageError as reason:  # there are no runs, or one is using it: the next cleaning will do
        say(str(reason))
        return []
    say(*done.sentences)
    return done.runs


@our_flow(VERIFY)
def verify(spec: VerifySpec) -> str:
    if spec.run == "latest" and not latest_in(spec.place):
        say(f"{spec.place} holds no runs yet")
        return ""
    folder = find_run(spec.run, spec.place)
    require_verified(folder, say)
    return folder.last
