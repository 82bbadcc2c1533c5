"""Runs every check of scim2-tester against a running program; `cargo xtask scim` judges what it prints.

The tester has no command of its own. One argument: the program's ready file, which says where SCIM is and with which
secret. Output: one JSON object with the results, the tester's kinds of checks, and the resource types that the program
advertises.
"""

import json
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server, get_all_available_tags

SECONDS_FOR_AN_ANSWER = 30


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        scim = json.load(file)["scim"]
    headers = {"Authorization": f"Bearer {scim['token']}"}
    with Client(
        base_url=scim["url"], headers=headers, timeout=SECONDS_FOR_AN_ANSWER, trust_env=False
    ) as http:
        results = check_server(SyncSCIMClient(http))
        advertised = http.get("/ResourceTypes").raise_for_status().json()["Resources"]
    report = {
        "results": [
            {
                "status": result.status.name,
                "title": result.title,
                "resource_type": result.resource_type,
                "reason": result.reason,
                "tags": sorted(result.tags),
            }
            for result in results
        ],
        "tags": get_all_available_tags(),
        "advertised": [resource_type["name"] for resource_type in advertised],
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
