// What click.mjs and look.mjs have in common: Chromium, and how wide its pages are.
import { chromium } from "playwright-core";

export const launch = () =>
  chromium.launch({
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

// Complains of what the browser says about the page and its scripts.
export const listen = (page, complain) => {
  page.on("console", (message) => complain(message.text()));
  page.on("pageerror", (error) => complain(String(error)));
};

// The page as a phone and as a desk show it, one after the other.
export async function* widths(page, name, complain) {
  for (const width of [390, 1200]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) complain(`${name} is ${wide} pixels wide on a screen of ${width}`);
    yield width;
  }
}
