// A client made with the official TypeScript SDK, in the manner of client.py:
// node client.mjs MODE ELICITATION SERVER, where SERVER is COMMAND [ARG...] for stdio, or a URL. MODE
// `auto` and `legacy` are those of the second generation (@modelcontextprotocol/client); `v1` is the
// first (@modelcontextprotocol/sdk).
import { createInterface } from "node:readline";

const [mode, elicitation, command, ...args] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const capabilities = elicitation === "url" ? { elicitation: { url: {} } } : {};
const info = { name: "valetkey-test", version: "1.0.0" };
const elicited = async (request) => {
  tell({ link: request.params.url, message: request.params.message });
  return { action: "accept" };
};

const callback = "http://127.0.0.1/oauth/callback/client";
// What the client keeps, and where it sends its user.
const kept = {};
const authProvider = {
  redirectUrl: callback,
  clientMetadata: { client_name: "valetkey-test", redirect_uris: [callback] },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: (url) => tell({ authorize: url }),
};

let client, transport, UnauthorizedError, callbackOf;
if (mode === "v1") {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const { StreamableHTTPClientTransport } = await import(
    "@modelcontextprotocol/sdk/client/streamableHttp.js"
  );
  const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  ({ UnauthorizedError } = await import("@modelcontextprotocol/sdk/client/auth.js"));
  client = () => {
    const made = new Client(info, { capabilities });
    if (elicitation === "url") made.setRequestHandler(ElicitRequestSchema, elicited);
    return made;
  };
  transport = () =>
    args.length
      ? new StdioClientTransport({ command, args })
      : new StreamableHTTPClientTransport(new URL(command), { authProvider });
  callbackOf = (params) => params.get("code");
} else {
  const sdk = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  ({ UnauthorizedError } = sdk);
  client = () => {
    const made = new sdk.Client(info, { capabilities, versionNegotiation: { mode } });
    if (elicitation === "url") made.setRequestHandler("elicitation/create", elicited);
    return made;
  };
  transport = () =>
    args.length
      ? new StdioClientTransport({ command, args })
      : new sdk.StreamableHTTPClientTransport(new URL(command), { authProvider });
  callbackOf = (params) => params;
}

let connected = client();
const first = transport();
try {
  await connected.connect(first);
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
  const told = JSON.parse((await lines.next()).value);
  await first.finishAuth(callbackOf(new URL(told.callback).searchParams));
  connected = client();
  await connected.connect(transport());
}
const { tools } = await connected.listTools();
tell({ tools: tools.map((tool) => tool.name) });
for await (const line of lines) {
  const { tool, arguments: given } = JSON.parse(line);
  tell({ result: await connected.callTool({ name: tool, arguments: given }) });
}
await connected.close();
