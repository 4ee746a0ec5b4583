// An authorization server of its own make (oidc-provider) that protects an MCP endpoint, for
// tests/it/resource_server.rs and http_clients.rs; clients can register themselves (RFC 7591). argv[2]:
// the redirect URI of the client that it knows; argv[3]: a resource whose access
// tokens are JWTs; argv[4]: another one of that kind; argv[5]: one whose access tokens are opaque.
// Prints one line of JSON with the issuer when ready; ends with its standard input.
import { createServer } from "node:http";
import { Provider, errors } from "oidc-provider";

const [callback, jwt, other, opaque] = process.argv.slice(2);
const formats = { [jwt]: "jwt", [other]: "jwt", [opaque]: "opaque" };
const scopes = "mcp:read mcp:write";

// The library notes there what a server for others would have to set.
console.info = console.warn = console.error;

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "mcp-client",
      token_endpoint_auth_method: "none",
      application_type: "native",
      redirect_uris: [callback],
    },
    {
      client_id: "resource-server",
      client_secret: "resource-secret",
      redirect_uris: [],
      response_types: [],
      grant_types: [],
    },
  ],
  scopes: ["openid", "offline_access", "email", ...scopes.split(" ")],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
  }),
  pkce: { required: () => true },
  cookies: { keys: ["for tests on loopback only"] },
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, resource) => {
        const accessTokenFormat = formats[resource];
        if (!accessTokenFormat) throw new errors.InvalidTarget();
        return {
          scope: scopes,
          audience: resource,
          accessTokenFormat,
          jwt: { sign: { alg: "RS256" } },
        };
      },
    },
  },
});

server.on("request", provider.callback());
console.log(JSON.stringify({ issuer }));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
