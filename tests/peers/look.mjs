// Chromium, and a person who looks at every page of an HTTP server: look.mjs BASE LINK AS_ADA AS_BOB
// FOLDER. AS_ADA and AS_BOB sign a browser in at the issuer; LINK was made for Ada. Each page is
// looked at narrow and wide, light and dark: pictures go into FOLDER, and axe-core examines it.
// Prints one line of JSON: the pages, what axe found, and what the browser complained about.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, listen, widths } from "./browser.mjs";

const [base, link, asAda, asBob, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await launch();
const complaints = [];
const complain = (text) => complaints.push(text);
const violations = [];
const pages = [];

const person = async () => {
  const page = await (await browser.newContext()).newPage();
  // Chromium reports a page's own status as an error: 403 and 404 are what some pages here are.
  const isStatus = (text) => text.startsWith("Failed to load resource: the server responded");
  listen(page, (text) => isStatus(text) || complain(text));
  return page;
};

const look = async (page, name) => {
  const heading = await page.locator("h1").textContent();
  pages.push([name, heading]);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for await (const width of widths(page, name, complain)) {
      await page.screenshot({ path: `${folder}/http-${name}-${width}-${colorScheme}.png`, fullPage: true });
      // Through the debugger, as the page's policy allows no script.
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run());
      for (const one of found.violations) {
        const nodes = one.nodes.map((node) => node.target.join(" ")).join(", ");
        violations.push(`${name} ${width} ${colorScheme}: ${one.id} (${nodes})`);
      }
    }
  }
};

const ada = await person();
await ada.goto(`${base}/`);
await look(ada, "sign-in");
await ada.goto(`${base}/login/callback?code=x&state=y`);
await look(ada, "sign-in-unknown");

const bob = await person();
await bob.goto(asBob);
await bob.goto(link);
await look(bob, "other-person");
await bob.goto(`${base}/`);
await look(bob, "own-empty");

await ada.goto(asAda);
await ada.goto(`${base}/login/0`);
await look(ada, "own-broken");
// With the keyboard alone: the first thing that can be reached is a button of ours.
await ada.keyboard.press("Tab");
const reached = await ada.evaluate(() => document.activeElement.textContent.trim());
if (reached !== "Sign out") complain(`Tab leads to ${reached}`);
await ada.goto(link);
await look(ada, "connect");
await ada.getByRole("button", { name: "Continue to" }).click();
await ada.getByRole("button", { name: "Allow" }).click();
await ada.waitForURL((url) => url.origin === base && url.pathname.startsWith("/connected/"));
await look(ada, "connected");
await ada.getByRole("link", { name: "See what is connected" }).click();
await ada.getByText("Another Google account").first().click();
await look(ada, "own");
await ada.goto(link);
await look(ada, "gone");
await ada.goto(`${base}/`);
await ada.getByRole("link", { name: "Disconnect" }).first().click();
await look(ada, "disconnect");
await ada.getByRole("button", { name: "Disconnect" }).click();
await look(ada, "disconnected");
await ada.getByRole("link", { name: "Back to your own page" }).click();
await ada.getByRole("button", { name: "Connect GitHub" }).click();
await look(ada, "connect-from-own-page");
await ada.goto(`${base}/`);
await ada.getByRole("button", { name: "Sign out" }).click();
await ada.getByRole("heading", { name: "Sign in" }).waitFor();

console.log(JSON.stringify({ pages, violations, complaints }));
await browser.close();
