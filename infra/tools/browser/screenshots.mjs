// Pictures of every page, light and dark, wide and on a phone, for a person to look at: as they are, empty, and with very
// long content.
import { PHONE, WIDE, say } from "./lib.mjs";
import { moments, people, places } from "./pages.mjs";

const LONG = `INC-2042 ${"The checkout of the north-western region answers slowly and sometimes not at all. ".repeat(8)}${"https://tickets.contoso.example/".padEnd(180, "x")}`;

async function shots(stage, page, name) {
  for (const [theme, size] of [["light", WIDE], ["dark", WIDE], ["light", PHONE], ["dark", PHONE]]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize(size);
    await page.screenshot({ path: `${stage.pictures}/${name}-${size.width}-${theme}.png`, fullPage: true });
    stage.shots += 1;
  }
}

async function walked(stage, prefix, all, wanted) {
  for (const [who, name, place] of wanted) {
    await all[who].open(place);
    await shots(stage, all[who].page, `${prefix}${name}`);
  }
  return wanted.length;
}

export async function walk(stage, fresh) {
  const { ready } = stage;
  let pages = 0;
  // Nobody registered, nothing configured, nobody there.
  const admin = await fresh.person(fresh.ready.people.admin, { path: "/admin/start" });
  await shots(fresh, admin.page, "fresh-start");
  await admin.page.locator("#id").fill("contoso.example");
  await admin.page.locator("#name").fill("Contoso");
  await admin.page.getByRole("main").getByRole("button").click();
  await admin.page.getByText("This is the only time that the secret is shown").waitFor();
  await shots(fresh, admin.page, "fresh-secret");
  pages += 2;
  await admin.open("/admin");
  const links = await admin.page.locator("nav a, main a[href^='/admin']").evaluateAll((found) => [...new Set(found.map((link) => link.getAttribute("href")))]);
  pages += await walked(fresh, "fresh-", { admin }, links.map((link) => ["admin", link.slice(1).replaceAll("/", "-"), link]));
  say(`${pages} pages of a fresh stack`);
  // Nothing asked for yet.
  const all = await people(stage);
  const empty = [["requester", "access", "/access"], ["requester", "history", "/history"], ["approver", "inbox", "/inbox"], ["admin", "now", "/now"]];
  pages += await walked(stage, "empty-", all, empty);
  // In use.
  await stage.live();
  await stage.waiting();
  pages += await walked(stage, "", all, await places(stage));
  for (const [who, name, reach] of await moments(stage)) {
    await reach(all[who]);
    await shots(stage, all[who].page, name);
    pages += 1;
  }
  // Very long.
  const long = await stage.askedBy(await stage.someoneElse(), LONG);
  pages += await walked(stage, "long-", all, [["approver", "inbox", "/inbox"], ["approver", "decide", `/inbox/${long.id}`], ["admin", "one", `/requests/${long.id}`], ["admin", "history", "/history"]]);
  // In German.
  await all.approver.context.addCookies([{ name: "hourglass-look", value: "de.system", url: ready.console }]);
  pages += await walked(stage, "de-", all, [["approver", "inbox", "/inbox"], ["approver", "decide", `/inbox/${long.id}`], ["approver", "passkeys", "/passkeys"]]);
  return { pages, pictures: stage.shots + fresh.shots };
}
