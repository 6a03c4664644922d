"""An agent's whole task by the protocol's own client for Python: look, explain, check, propose. Prints one JSON document.

Usage: agent.py PROGRAM FOLDER MODE PATCH
"""

import json
import os
import sys

import anyio
from mcp import types
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters


async def main(program: str, folder: str, mode: str, patch: str) -> None:
    own = {name: value for name, value in os.environ.items() if name.startswith("XDG_")}
    server = StdioServerParameters(command=program, args=["mcp", folder], env=own)
    progress = []

    async def told(at, total, message):
        progress.append(message)

    said = {}
    async with Client(server, mode=mode, client_info=types.Implementation(name="by-python", version="1")) as client:
        said["version"] = client.protocol_version
        said["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        # The client checks each answer against the schema that the server gave.
        tree = (await client.call_tool("check_tree", {}, progress_callback=told)).structured_content
        name = tree["failing"][0]["fingerprint"]
        said["failing"] = tree["failing"][0]["test"]
        said["explained"] = (await client.call_tool("explain_failure", {"fingerprint": name})).structured_content
        said["checked"] = (await client.call_tool("check_patch", {"patch": patch})).structured_content
        wrong = await client.call_tool("check_patch", {"patch": patch, "apply": True})
        said["wrong"] = [wrong.is_error, wrong.content[0].text]
        offered = {"patch": patch, "reason": "The threshold itself counts."}
        proposed = (await client.call_tool("propose_patch", offered, progress_callback=told)).structured_content
        said["proposed"] = proposed
        review = proposed["resources"][-1]
        said["review"] = (await client.read_resource(review)).contents[0].text
        said["resources"] = [str(of.uri) for of in (await client.list_resources()).resources]
        with anyio.move_on_after(5) as left:
            slow = {"test": "test_discounts.py::test_orbit", "seconds": 600, "path": "endless"}
            await client.call_tool("make_test_pass", slow)
        said["cancelled"] = left.cancelled_caught
        said["served_after"] = (await client.call_tool("sessions", {"limit": 1})).structured_content
        for _ in range(int(os.environ.get("CALLS", "20"))):
            await client.call_tool("sessions", {"limit": 1})
    said["progress"] = len(progress)
    print(json.dumps(said))


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:5])
