"""A client made with the official Python SDK: client.py MODE ELICITATION SERVER, where SERVER is
COMMAND [ARG...] for stdio, or a URL.

MODE is `legacy` (handshake, 2025-11-25) or `auto` (server/discover, 2026-07-28). ELICITATION is
`url`, which answers every URL elicitation with `accept` after telling the link, or `none`. Each line
of standard input is {"tool": ..., "arguments": ...}; each line of standard output is
{"link": ...} or {"result": ...}.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult


def tell(what):
    print(json.dumps(what), flush=True)


async def elicited(_context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    tell({"link": params.url, "message": params.message})
    return ElicitResult(action="accept")


async def main():
    mode, elicitation, command, *args = sys.argv[1:]
    server = StdioServerParameters(command=command, args=args) if args else command
    callback = elicited if elicitation == "url" else None
    async with Client(server, mode=mode, elicitation_callback=callback) as client:
        tell({"tools": [tool.name for tool in (await client.list_tools()).tools]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            result = await client.call_tool(call["tool"], call["arguments"])
            tell({"result": result.model_dump(mode="json", by_alias=True)})


asyncio.run(main())
