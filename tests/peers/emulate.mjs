// Google, Slack and GitHub emulators on loopback, for tests/it/emulate.rs.
// argv[2]: the callback's origin. Prints one line of JSON with the base URLs when ready; ends with
// its standard input.
import { createEmulator } from "emulate";

const origin = process.argv[2];
const callback = (provider) => [`${origin}/oauth/callback/${provider}`];

// emulate 0.12 answers an unknown bearer token as its first user. A list whose first element is
// nobody, but which iterates over the real users, makes unknown and revoked tokens fail as they
// should (Google and GitHub; tests/it/emulate.rs checks it).
const withoutFallback = (key, users) => {
  const list = [{ [key]: "" }];
  list[Symbol.iterator] = () => users[Symbol.iterator]();
  return list;
};

// An operator that emulate 0.12 does not know is a word to look for: `gmail_search` leaves drafts out
// with this one.
const excluded = "-in:drafts";

const slackScopes = [
  "channels:history",
  "channels:read",
  "users:read",
  "chat:write",
  "reactions:write",
  "files:read",
  "files:write",
];
const seed = {
  google: {
    users: withoutFallback("email", [
      { email: "ada@example.com", name: "Ada Lovelace" },
      { email: "grace@example.com", name: "Grace Hopper" },
    ]),
    oauth_clients: [
      {
        client_id: "google-client",
        client_secret: "google-secret",
        name: "Valetkey",
        redirect_uris: callback("google"),
      },
    ],
    messages: [
      {
        id: "m1",
        user_email: "ada@example.com",
        from: "Grace Hopper <grace@example.com>",
        to: "ada@example.com",
        subject: "The compiler works",
        body_text: `It translates on the first try. ${excluded}`,
        label_ids: ["INBOX", "UNREAD"],
        date: "2026-11-20T10:00:00Z",
      },
      {
        id: "m2",
        user_email: "ada@example.com",
        from: "ci@example.com",
        to: "ada@example.com",
        subject: "Build 42 failed",
        body_text: `See the log. ${excluded}`,
        label_ids: ["INBOX"],
        date: "2026-11-21T10:00:00Z",
      },
    ],
  },
  slack: {
    team: { name: "Analytical Engines", domain: "engines" },
    users: [
      { name: "ada", real_name: "Ada Lovelace", email: "ada@example.com" },
      { name: "grace", real_name: "Grace Hopper", email: "grace@example.com" },
    ],
    channels: [{ name: "engine-room", topic: "Steam and cards" }],
    oauth_apps: [
      {
        client_id: "slack-client",
        client_secret: "slack-secret",
        app_id: "A1",
        name: "Valetkey",
        redirect_uris: callback("slack"),
        scopes: slackScopes,
        user_scopes: slackScopes,
        bot_name: "valetkey",
      },
    ],
    // Another client writes with them what Ada then reads.
    tokens: ["grace", "ada"].map((user) => ({
      token: `xoxp-${user}`,
      type: "user",
      user,
      scopes: slackScopes,
    })),
    strict_scopes: true,
  },
  github: {
    users: withoutFallback("login", [
      { login: "ada", name: "Ada Lovelace", email: "ada@example.com" },
      { login: "grace", name: "Grace Hopper", email: "grace@example.com" },
    ]),
    repos: [{ owner: "ada", name: "engine", description: "Notes", auto_init: true }],
    oauth_apps: [
      {
        client_id: "github-client",
        client_secret: "github-secret",
        name: "Valetkey",
        redirect_uris: callback("github"),
      },
    ],
  },
};

const started = {};
for (const service of ["google", "slack", "github"]) {
  const emulator = await createEmulator({ service, port: 0, hostname: "127.0.0.1", seed });
  started[service] = { emulator, url: emulator.url.replace("localhost", "127.0.0.1") };
}
const urls = Object.entries(started).map(([service, { url }]) => [service, url]);
console.log(JSON.stringify(Object.fromEntries(urls)));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
