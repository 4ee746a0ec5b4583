// Chromium, and a person who allows everything: click.mjs LINK FOLDER [ACCOUNT BUTTON]. Opens our
// link, goes on to the provider, allows, and comes back; with ACCOUNT as that account, which another
// than the expected one is, so that a page asks about it, where the person presses BUTTON. Pictures
// of the pages go into FOLDER, narrow and wide.
// Prints one line of JSON: where the browser ended, what it showed, and what it complained about.
import { chromium } from "playwright-core";

const [link, folder, account, button] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await browser.newPage();
const complaints = [];
page.on("console", (message) => complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("requestfailed", (request) => complaints.push(`failed: ${new URL(request.url()).origin}`));
const origins = new Set();
page.on("request", (request) => origins.add(new URL(request.url()).origin));

const picture = async (name) => {
  for (const width of [390, 1200]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) complaints.push(`${name} is ${wide} pixels wide on a screen of ${width}`);
    await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true });
  }
};

await page.goto(link);
await picture("connect");
await page.getByRole("button", { name: "Continue to" }).click();
const consent = page.getByRole("button", { name: "Allow" });
await consent.waitFor();
if (account) await page.getByRole("radio", { name: account }).check();
else await picture("consent");
await consent.click();
await page.waitForURL((url) => url.origin === new URL(link).origin);
await picture(account ? "other-account" : "connected");
if (button) {
  await page.getByRole("button", { name: button }).click();
  await page.getByRole("link", { name: "Sign in again" }).waitFor();
  await picture("settled");
}

const heading = await page.getByRole("heading", { level: 1 }).textContent();
console.log(JSON.stringify({ url: page.url(), heading, origins: [...origins], complaints }));
await browser.close();
