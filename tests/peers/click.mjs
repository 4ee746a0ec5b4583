// Chromium, and a person who allows everything: click.mjs LINK FOLDER [--as USER]
// [--account ACCOUNT --button BUTTON]. Opens our link, goes on to the provider, allows, and comes
// back. With USER they sign in first, at the authorization server (oidc-provider) that our page sends
// them to; if that page does not let them go on, they end there. With ACCOUNT they allow as that
// account, which another than the expected one is, so that a page asks about it, where they press
// BUTTON. Pictures of the pages go into FOLDER, narrow and wide.
// Prints one line of JSON: where the browser ended, what it showed, and what it complained about.
import { parseArgs } from "node:util";
import { launch, listen, widths } from "./browser.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { as: { type: "string" }, account: { type: "string" }, button: { type: "string" } },
});
const [link, folder] = positionals;
const { account, button } = values;

const browser = await launch();
const page = await browser.newPage();
const complaints = [];
const complain = (text) => complaints.push(text);
listen(page, complain);
page.on("requestfailed", (request) => complain(`failed: ${new URL(request.url()).origin}`));
const origins = new Set();
page.on("request", (request) => origins.add(new URL(request.url()).origin));

const back = () => page.waitForURL((url) => url.origin === new URL(link).origin);
const picture = async (name) => {
  for await (const width of widths(page, name, complain)) {
    await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true });
  }
};

const signIn = async (user) => {
  await page.getByPlaceholder("login").fill(user);
  await page.getByPlaceholder("password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await back();
};

const allow = async () => {
  await picture("connect");
  await page.getByRole("button", { name: "Continue to" }).click();
  const consent = page.getByRole("button", { name: "Allow" });
  await consent.waitFor();
  if (account) await page.getByRole("radio", { name: account }).check();
  else await picture("consent");
  await consent.click();
  await back();
  await picture(account ? "other-account" : "connected");
  if (button) {
    await page.getByRole("button", { name: button }).click();
    await page.getByRole("link", { name: "Sign in again" }).waitFor();
    await picture("settled");
  }
};

await page.goto(link);
if (values.as) await signIn(values.as);
if (await page.getByRole("button", { name: "Continue to" }).isVisible()) await allow();

const heading = await page.getByRole("heading", { level: 1 }).textContent();
console.log(JSON.stringify({ url: page.url(), heading, origins: [...origins], complaints }));
await browser.close();
