"""FastMCP's client, in the manner of client.py: fastmcp_client.py MODE ELICITATION URL."""

import asyncio
import json
import sys

from fastmcp import Client
from mcp_types import ElicitResult


def tell(what):
    print(json.dumps(what), flush=True)


async def elicited(message, _response_type, params, _context):
    tell({"link": params.url, "message": message})
    return ElicitResult(action="accept")


async def main():
    mode, elicitation, url = sys.argv[1:]
    handler = elicited if elicitation == "url" else None
    async with Client(url, mode=mode, elicitation_handler=handler) as client:
        tell({"tools": [tool.name for tool in await client.list_tools()]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            result = await client.call_tool_mcp(call["tool"], call["arguments"])
            tell({"result": result.model_dump(mode="json", by_alias=True)})


asyncio.run(main())
