"""Print the JSON Schema of report.json: `make schema` writes docs/report.schema.json."""

import json
from typing import Any

from pydantic import TypeAdapter

from tasks.records import Report
from tasks.records.spec import CHANGES_NO_RESULT


def schema() -> dict[str, Any]:
    """Return the JSON Schema of report.json."""
    described = TypeAdapter(Report).json_schema(mode="serialization")
    for name in CHANGES_NO_RESULT:
        for spec in ("RunSpec", "SplitSpec", "AuditSpec", "DedupeSpec"):
            described["$defs"][spec]["properties"].pop(name, None)
            described["$defs"][spec]["additionalProperties"] = False  # only names of fields distinguish specs
    del described["properties"]["run"]
    described["required"] = sorted(described["properties"])
    return described


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1))
