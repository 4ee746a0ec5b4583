// An OAuth server of its own make (oidc-provider) that plays a custom provider, for
// tests/it/custom_provider.rs. argv[2]: our callback URI; argv[3]: seconds that an access token
// lives. Prints one line of JSON with the issuer when ready, and one for each refresh; ends with its
// standard input.
import { serve, tell } from "./oidc-provider.mjs";

const [callback, lifetime] = process.argv.slice(2);

const provider = await serve({
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
  // The default keeps a token alive for 15 s beyond its end.
  clockTolerance: 0,
  rotateRefreshToken: true,
  issueRefreshToken: async (_context, client) => client.grantTypeAllowed("refresh_token"),
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
