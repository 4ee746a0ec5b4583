// What authorization-server.mjs and custom-provider.mjs have in common: a running oidc-provider where
// everybody can sign in, under any name, with any password.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

export const tell = (what) => console.log(JSON.stringify(what));

// Tells the issuer when ready; ends with its standard input.
export const serve = async ({ features, ...settings }) => {
  // The library notes there what a server for others would have to set.
  console.info = console.warn = console.error;
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
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
      revocation: { enabled: true },
      ...features,
    },
    ...settings,
  });
  server.on("request", provider.callback());
  tell({ issuer });
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
  return provider;
};
