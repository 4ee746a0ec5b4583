// A client made with the official TypeScript SDK, in the manner of client.py:
// node client.mjs MODE ELICITATION SERVER, where SERVER is COMMAND [ARG...] for stdio, or a URL. MODE
// `auto` and `legacy` are those of the second generation (@modelcontextprotocol/client); `v1` is the
// first (@modelcontextprotocol/sdk).
import { createInterface } from "node:readline";

const [mode, elicitation, command, ...args] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));

const capabilities = elicitation === "url" ? { elicitation: { url: {} } } : {};
const info = { name: "valetkey-test", version: "1.0.0" };
const elicited = async (request) => {
  tell({ link: request.params.url, message: request.params.message });
  return { action: "accept" };
};

let client, transport;
if (mode === "v1") {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const { StreamableHTTPClientTransport } = await import(
    "@modelcontextprotocol/sdk/client/streamableHttp.js"
  );
  const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  client = new Client(info, { capabilities });
  if (elicitation === "url") client.setRequestHandler(ElicitRequestSchema, elicited);
  transport = args.length
    ? new StdioClientTransport({ command, args })
    : new StreamableHTTPClientTransport(new URL(command));
} else {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  client = new Client(info, { capabilities, versionNegotiation: { mode } });
  if (elicitation === "url") client.setRequestHandler("elicitation/create", elicited);
  transport = args.length
    ? new StdioClientTransport({ command, args })
    : new StreamableHTTPClientTransport(new URL(command));
}

await client.connect(transport);
const { tools } = await client.listTools();
tell({ tools: tools.map((tool) => tool.name) });
for await (const line of createInterface({ input: process.stdin })) {
  const { tool, arguments: given } = JSON.parse(line);
  tell({ result: await client.callTool({ name: tool, arguments: given }) });
}
await client.close();
