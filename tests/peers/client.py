"""A client made with the official Python SDK: client.py MODE ELICITATION SERVER, where SERVER is
COMMAND [ARG...] for stdio, or a URL.

MODE is `legacy` (handshake, 2025-11-25) or `auto` (server/discover, 2026-07-28). ELICITATION is
`url`, which answers every URL elicitation with `accept` after telling the link, or `none`. Each line
of standard input is {"tool": ..., "arguments": ...}; each line of standard output is
{"link": ...} or {"result": ...}. A server that wants authorization comes first: {"authorize": ...}
says where the user has to go, and {"callback": ...} is expected, where they were sent to.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from mcp import Client, StdioServerParameters
from mcp.client.auth import OAuthClientProvider
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp_types import ElicitRequestParams, ElicitResult


CALLBACK = "http://127.0.0.1/oauth/callback/client"


def tell(what):
    print(json.dumps(what), flush=True)


async def elicited(_context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    tell({"link": params.url, "message": params.message})
    return ElicitResult(action="accept")


class Memory:
    """Keeps what the OAuth client gets."""

    tokens = client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info):
        self.client_info = client_info


async def redirected(url):
    tell({"authorize": url})


async def called_back():
    callback = json.loads(await asyncio.to_thread(sys.stdin.readline))["callback"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(callback).query).items()}
    return AuthorizationCodeResult.model_validate(query)


def over_http(url):
    metadata = OAuthClientMetadata(
        client_name="valetkey-test", redirect_uris=[CALLBACK]
    )
    auth = OAuthClientProvider(url, metadata, Memory(), redirected, called_back)
    return streamable_http_client(url, http_client=create_mcp_http_client(auth=auth))


async def main():
    mode, elicitation, command, *args = sys.argv[1:]
    stdio = StdioServerParameters(command=command, args=args)
    server = stdio if args else over_http(command)
    callback = elicited if elicitation == "url" else None
    async with Client(server, mode=mode, elicitation_callback=callback) as client:
        tell({"tools": [tool.name for tool in (await client.list_tools()).tools]})
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            result = await client.call_tool(call["tool"], call["arguments"])
            tell({"result": result.model_dump(mode="json", by_alias=True)})


if __name__ == "__main__":
    asyncio.run(main())
