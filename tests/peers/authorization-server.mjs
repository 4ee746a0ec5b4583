// An authorization server of its own make (oidc-provider) that protects an MCP endpoint, for
// tests/it/resource_server.rs and http_clients; clients can register themselves (RFC 7591). argv[2]:
// the redirect URI of the clients that it knows; argv[3]: a resource whose access tokens are JWTs;
// argv[4], if given: another one of that kind; argv[5]: one whose access tokens are opaque.
// Prints one line of JSON with the issuer when ready; ends with its standard input.
import { errors } from "oidc-provider";
import { serve } from "./oidc-provider.mjs";

const [callback, jwt, other, opaque] = process.argv.slice(2);
const formats = { [jwt]: "jwt", [other]: "jwt", [opaque]: "opaque" };
const scopes = "mcp:read mcp:write";

await serve({
  clients: [
    {
      client_id: "mcp-client",
      token_endpoint_auth_method: "none",
      application_type: "native",
      redirect_uris: [callback],
    },
    {
      client_id: "valetkey",
      client_secret: "login-secret",
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
  features: {
    registration: { enabled: true },
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
