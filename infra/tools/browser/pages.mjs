// Every page as people of each kind see it: axe-core finds nothing, light and dark, wide and on a phone; everything fits; no
// page is larger than it may be; German pages are German; a chosen theme counts before the system's.
import { PHONE, say } from "./lib.mjs";

const LARGEST_PAGE = 100_000;

/** Where people can go: who, and where to. Requests and grants of all kinds are there already. */
export async function places(stage) {
  const { id: entitlement } = await stage.entitlement();
  const over = await stage.over();
  const waiting = await stage.waiting();
  const live = await stage.live();
  await stage.emergency();
  return [
    ["requester", "request", "/request"],
    ["requester", "request-search", "/request?q=prod"],
    ["requester", "request-nothing-found", "/request?q=nothing+that+is+there"],
    ["requester", "ask", `/request?entitlement=${entitlement}`],
    ["requester", "access", "/access"],
    ["requester", "extend", `/access/${live.grant}/extend`],
    ["requester", "one-live", `/requests/${live.id}`],
    ["approver", "one-waiting", `/requests/${waiting.id}`],
    ["approver", "one-over", `/requests/${over.id}`],
    ["requester", "history-own", "/history"],
    ["requester", "emergency", "/activate"],
    ["requester", "passkeys-none", "/passkeys"],
    ["requester", "not-found", "/requests/00000000-0000-4000-8000-000000000000"],
    ["approver", "inbox", "/inbox"],
    ["approver", "decide", `/inbox/${waiting.id}`],
    ["approver", "decide-over", `/inbox/${over.id}`],
    ["approver", "reviews", "/inbox/reviews"],
    ["approver", "passkeys", "/passkeys"],
    ["approver", "delegates", "/delegates"],
    ["approver", "emergency-none", "/activate"],
    ["admin", "changes", "/changes"],
    ["admin", "history", "/history"],
    ["admin", "history-filtered", "/history?state=approved&text=INC"],
    ["admin", "history-none", "/history?text=nothing+that+is+there"],
    ["admin", "timeline", "/history/timeline"],
    ["admin", "export", "/history/export"],
    ["admin", "now", "/now"],
    ["admin", "keys-waiting", "/passkeys/waiting"],
    ["admin", "sessions", "/auth/sessions"],
    ["admin", "kill-switch-press", `/admin/kill-switch/press?scope=entitlement&id=${entitlement}`],
    ["admin", "kill-switch-found", "/admin/kill-switch?scope=entitlement&q=prod"],
    ["admin", "revocation", `/admin/revocations/${await stage.stuck()}`],
    ...(await configuration(stage)),
  ];
}

/** What is seen only after something was done on a page: who, name, and how they get there. Nothing of it is sent for good. */
export async function moments(stage) {
  const { id: entitlement } = await stage.entitlement();
  // One that the requester neither has nor asked for.
  const { id: free } = (await stage.all(stage.ready.people.requester, "/v1/entitlements")).find(({ name }) => name === "prod-readers");
  return [
    ["requester", "ask-preview", async ({ open, page }) => {
      await open(`/request?entitlement=${free}&duration=1h&justification=INC-1053: the checkout is down`);
      await page.getByRole("button", { name: "See what will happen" }).click();
      await page.getByText("This will happen").waitFor();
    }],
    ["requester", "ask-wrong", async ({ open, page }) => {
      await open(`/request?entitlement=${free}&duration=1h`);
      await page.getByRole("button", { name: "Ask for access" }).click();
      await page.locator("#justification[aria-invalid=true]").waitFor();
    }],
    ["admin", "entitlement-wrong", async ({ open, page }) => {
      await open(`/admin/entitlements/${entitlement}`);
      await page.locator("#absolute_maximum").fill("soon");
      await page.locator(`form[action="/admin/entitlements/${entitlement}"] button:not([type=button])`).last().click();
      await page.locator("#absolute_maximum[aria-invalid=true]").waitFor();
    }],
    ["admin", "kill-switch-wrong", async ({ open, page }) => {
      await open(`/admin/kill-switch/press?scope=entitlement&id=${entitlement}`);
      await page.locator("#reason").fill("A laptop was lost");
      await page.locator("#confirm").fill("something else");
      await page.getByRole("main").locator("button.danger").click();
      await page.locator("[role=alert]").first().waitFor();
    }],
  ];
}

/** The configuration's pages: those that the frame's and their own tabs lead to, and one of each kind behind them. */
async function configuration(stage) {
  const admin = await stage.admin();
  const found = new Map();
  const collect = async (place) => {
    await admin.open(place);
    const links = await admin.page.locator("main a[href^='/admin'], main a[href^='/changes']").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    for (const link of links) {
      // One page of each kind: ids are not looked at.
      const kind = link.replace(/[?#].*$/, "").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "one");
      if (!found.has(kind)) found.set(kind, link);
    }
  };
  await collect("/admin");
  for (const link of [...found.values()]) {
    if ((await admin.open(link)).status() === 200) await collect(link);
    else found.delete(link);
  }
  return [...found].map(([kind, link]) => ["admin", kind.slice(1).replaceAll("/", "-"), link]);
}

export async function people(stage) {
  const { ready } = stage;
  return {
    requester: await stage.once("requester", () => stage.person(ready.people.requester, { path: "/access" })),
    approver: await stage.keyholder(ready.people.approver),
    admin: await stage.admin(),
  };
}

export async function run(stage) {
  const all = await people(stage);
  let looked = 0;
  const wrong = [];
  for (const [who, name, place] of await places(stage)) {
    const { page } = all[who];
    const answer = await all[who].open(place);
    const wanted = name === "not-found" ? 404 : 200;
    if (answer.status() !== wanted) {
      wrong.push(`${name} (${place}) is answered ${answer.status()}`);
      continue;
    }
    stage.check((await answer.body()).length <= LARGEST_PAGE, `${name} (${place}) is larger than ${LARGEST_PAGE} bytes`);
    stage.equal(await page.locator("h1").count(), 1, `${name} (${place}) has one heading`);
    try {
      await stage.accessible(page, `${name} (${place})`);
    } catch (error) {
      wrong.push(error.message.split("\n+ actual")[0]);
    }
    looked += 1;
  }
  for (const [who, name, reach] of await moments(stage)) {
    await reach(all[who]);
    try {
      await stage.accessible(all[who].page, name);
    } catch (error) {
      wrong.push(error.message.split("\n+ actual")[0]);
    }
    looked += 1;
  }
  // All at once: whoever mends one page would otherwise find out about the next in the next run.
  stage.equal(wrong, [], `not accessible:\n${wrong.join("\n")}`);
  say(`${looked} pages`);

  // What somebody chose counts before the system's theme and the browser's language.
  const { requester } = all;
  await requester.open("/access");
  await requester.page.locator("details.menu summary").click();
  await requester.page.getByRole("button", { name: "dark", exact: true }).click();
  await requester.page.waitForURL(/\/access/);
  stage.equal(await requester.page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).colorScheme]), ["dark", "dark"], "the chosen theme counts");
  stage.equal(await stage.violations(requester.page), [], "a chosen theme");
  await requester.page.setViewportSize(PHONE);
  await requester.page.locator("details.menu summary").click();
  await requester.page.getByRole("button", { name: "Deutsch" }).click();
  await requester.page.waitForURL(/\/access/);
  stage.equal(await requester.page.locator("html").getAttribute("lang"), "de", "the chosen language counts");
  stage.check(await requester.page.getByRole("link", { name: "Verlauf", exact: true }).isVisible(), "a German page is German");
  stage.equal(await stage.violations(requester.page), [], "a German page");
  await requester.page.setViewportSize({ width: 1280, height: 900 });
  await requester.context.clearCookies({ name: "hourglass-look" });

  // Whoever is not signed in, and whoever signs out.
  const guest = await stage.browser.newContext({ locale: "en-GB" });
  const page = await guest.newPage();
  await page.goto(`${stage.ready.console}/auth/signed-out`);
  await stage.accessible(page, "signed-out");
  await page.goto(`${stage.ready.console}/auth/callback?state=nothing`);
  await stage.accessible(page, "sign-in-failed");
  await guest.close();
}
