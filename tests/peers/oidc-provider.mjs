// An OAuth server of its own make (oidc-provider) that plays a custom provider, for
// tests/it/custom_provider.rs. argv[2]: our callback URI; argv[3]: seconds that an access token
// lives. Prints one line of JSON with the issuer when ready, and one for each refresh; ends with its
// standard input.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [callback, lifetime] = process.argv.slice(2);

const tell = (what) => console.log(JSON.stringify(what));
// The library notes there what a server for others would have to set.
console.info = console.warn = console.error;

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "acme-client",
      client_secret: "acme-secret",
      redirect_uris: [callback],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  scopes: ["openid", "offline_access", "email"],
  claims: { openid: ["sub"], email: ["email"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com` }),
  }),
  pkce: { required: () => true },
  // The default keeps a token alive for 15 s beyond its end.
  clockTolerance: 0,
  rotateRefreshToken: true,
  issueRefreshToken: async (_context, client) => client.grantTypeAllowed("refresh_token"),
  cookies: { keys: ["for tests on loopback only"] },
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  ttl: {
    AccessToken: Number(lifetime),
    AuthorizationCode: 60,
    Grant: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
});

// Tells of each refresh how it ended.
const isRefresh = (context) => context.oidc.params?.grant_type === "refresh_token";
provider.on("grant.success", (context) => isRefresh(context) && tell({ refresh: "granted" }));
provider.on(
  "grant.error",
  (context, error) => isRefresh(context) && tell({ refresh: error.error }),
);

server.on("request", provider.callback());
tell({ issuer });

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
