"""FastMCP's client, in the manner of client.py: fastmcp_client.py MODE ELICITATION URL."""

import asyncio
import json
import sys

from client import CALLBACK, called_back, redirected, tell
from fastmcp import Client
from fastmcp.client.auth import OAuth
from mcp_types import ElicitResult
from pydantic import AnyUrl


async def elicited(message, _response_type, params, _context):
    tell({"link": params.url, "message": message})
    return ElicitResult(action="accept")


class ToldOAuth(OAuth):
    """Without the browser and the listener of its own."""

    def _bind(self, mcp_url):
        super()._bind(mcp_url)
        self.context.client_metadata.redirect_uris = [AnyUrl(CALLBACK)]

    async def redirect_handler(self, authorization_url):
        await redirected(authorization_url)

    async def callback_handler(self):
        return await called_back()


async def main():
    mode, elicitation, url = sys.argv[1:]
    handler = elicited if elicitation == "url" else None
    async with Client(url, mode=mode, elicitation_handler=handler, auth=ToldOAuth()) as client:
        tell({"tools": [tool.name for tool in await client.list_tools()]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            result = await client.call_tool_mcp(call["tool"], call["arguments"])
            tell({"result": result.model_dump(mode="json", by_alias=True)})


asyncio.run(main())
