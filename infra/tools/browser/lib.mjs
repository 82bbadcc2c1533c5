// What every journey through the console stands on: people with browsers and authenticators of their own, calls of the API,
// checks that are counted, and axe-core.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 30_000;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740 };

/** Says what a journey is at, so that a failure shows where it was. */
export function say(text) {
  process.stderr.write(`browser: ${text}\n`);
}

/** A browser at one start of the laptop program. */
export class Stage {
  static async open(options) {
    const browser = await chromium.launch({ executablePath: options.chromium, args: FLAGS });
    return new Stage(browser, options);
  }

  constructor(browser, { ready, setUpCode, pictures }) {
    this.browser = browser;
    this.ready = ready;
    this.setUpCode = setUpCode;
    this.pictures = pictures;
    this.checks = 0;
    this.shots = 0;
    this.people = new Map();
    this.everybody = [];
    mkdirSync(pictures, { recursive: true });
  }

  async close() {
    await this.browser.close();
  }

  check(holds, what) {
    assert.ok(holds, what);
    this.checks += 1;
  }

  equal(found, wanted, what) {
    assert.deepEqual(found, wanted, what);
    this.checks += 1;
  }

  /**
   * Somebody with a browser and an authenticator of their own, signed in through the identity provider's own page, who
   * looks at `path`. What goes wrong in a page's script, or is refused by its policy, ends the journey.
   */
  async person(user, { path = "/passkeys", ...options } = {}) {
    const context = await this.browser.newContext({ locale: "en-GB", viewport: WIDE, permissions: ["clipboard-read", "clipboard-write"], ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && /Content Security Policy|Trusted/i.test(message.text())) faults.push(`${page.url()}: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(this.ready.console) && !url.startsWith(this.ready.oidc) && !url.startsWith("data:")) faults.push(`${page.url()} asks for ${url}`);
    });
    const protocol = await context.newCDPSession(page);
    await protocol.send("WebAuthn.enable");
    const { authenticatorId } = await protocol.send("WebAuthn.addVirtualAuthenticator", {
      options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    const person = { user, page, context, faults };
    this.everybody.push(person);
    person.verified = (isUserVerified) => protocol.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
    person.open = async (place) => {
      const answer = await page.goto(`${this.ready.console}${place}`);
      assert.deepEqual(faults, [], `faults on ${place}`);
      return answer;
    };
    await page.goto(`${this.ready.console}${path}`);
    await this.signIn(page, user);
    await page.waitForURL(`${this.ready.console}${path}`);
    return person;
  }

  /** Picks who one is on the identity provider's page, where that is the page. */
  async signIn(page, user) {
    await page.locator("li", { hasText: user }).getByRole("link").click();
  }

  async picture(person, name) {
    await person.page.screenshot({ path: `${this.pictures}/${name}.png`, fullPage: true });
    this.shots += 1;
  }

  async token(user) {
    const answer = await fetch(`${this.ready.oidc}/dev-token`, { method: "POST", body: JSON.stringify({ user }) });
    return (await answer.json()).access_token;
  }

  /** A call of the API by `user`: GET without a body, POST with one, or any other method. */
  async api(user, path, body, method = body ? "POST" : "GET") {
    const headers = { Authorization: `Bearer ${await this.token(user)}`, "Content-Type": "application/json" };
    const answer = await fetch(`${this.ready.api}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Everything in a list of the API. */
  async all(user, path) {
    const items = [];
    let cursor;
    do {
      const page = await this.api(user, `${path}?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }

  async until(what, look, patience = PATIENCE) {
    const end = Date.now() + patience;
    for (;;) {
      const found = await look();
      if (found) {
        this.checks += 1;
        return found;
      }
      assert.ok(Date.now() < end, what);
      await new Promise((next) => setTimeout(next, 200));
    }
  }

  /** Adds a passkey on one's own page. */
  async addKey(person, name) {
    await person.open("/passkeys");
    await person.page.getByLabel("Name of the device").fill(name);
    await person.page.getByRole("button", { name: "Add this device’s passkey" }).click();
    await person.page.getByText("The passkey was added").waitFor();
  }

  /** The very first admin, whose key the code from set-up confirms; made once. */
  async admin() {
    return this.once("admin", async () => {
      const admin = await this.person(this.ready.people.admin);
      await this.addKey(admin, "Admin's laptop");
      await admin.page.getByLabel("Code from set-up").fill(this.setUpCode);
      await admin.page.getByRole("button", { name: "Confirm with the code" }).click();
      await admin.page.getByText("in use").first().waitFor();
      return admin;
    });
  }

  /** Somebody whose key the first admin confirmed; made once for each `user`. */
  async keyholder(user, options) {
    return this.once(user, async () => {
      const admin = await this.admin();
      const person = await this.person(user, options);
      await this.addKey(person, "Work phone");
      await admin.open("/passkeys/waiting");
      await admin.page.getByRole("button", { name: /^Confirm the key of / }).first().click();
      await admin.page.waitForURL(/\/passkeys\?done=changed/);
      await person.page.reload();
      await person.page.getByText("in use").first().waitFor();
      return person;
    });
  }

  /** An approver other than the usual one, who has no passkey. */
  async other() {
    return "tomasz.wieczorek@contoso.example";
  }

  /** The entitlement that everything here asks for. */
  async entitlement() {
    const found = await this.all(this.ready.people.requester, "/v1/entitlements");
    return found.find(({ id }) => id === this.ready.entitlement);
  }

  /** Somebody else who may ask. */
  async someoneElse() {
    return "freya.lindqvist@contoso.example";
  }

  async askedBy(user, justification) {
    return this.api(user, "/v1/requests", { entitlement: this.ready.entitlement, duration: "2h", justification });
  }

  /** A request that waits, made once. */
  async waiting() {
    return this.once("waiting", async () => this.askedBy("bao.tran@contoso.example", "INC-1050 waits for its approvers"));
  }

  /** A request of the requester's that was approved, with its live grant; made once. */
  async live() {
    return this.once("live", async () => {
      const asked = await this.asked("INC-1051 is being looked at", { duration: "6h" });
      await this.api(await this.other(), `/v1/requests/${asked.id}/decisions`, { decision: "approve" });
      return this.until("the access does not begin", async () => {
        const request = await this.api(this.ready.people.requester, `/v1/requests/${asked.id}`);
        const grant = await this.api(this.ready.people.requester, `/v1/grants/${request.grant}`);
        return grant.status === "active" && request;
      });
    });
  }

  /** A request that somebody denied, made once. */
  async over() {
    return this.once("over", async () => {
      const asked = await this.askedBy(await this.someoneElse(), "INC-1052 is not worth the risk");
      await this.api(await this.other(), `/v1/requests/${asked.id}/decisions`, { decision: "deny", comment: "Use the replica instead" });
      return asked;
    });
  }

  /** The grant of somebody whose access cannot be taken away, because Graph refuses every removal; made once. */
  async stuck() {
    return this.once("stuck", async () => {
      const asked = await this.api(await this.someoneElse(), "/v1/requests", {
        entitlement: this.ready.entitlement, duration: "5s", justification: "INC-1054 ends, and cannot",
      });
      const order = { match: { method: "DELETE", path_contains: asked.beneficiary.object_id }, status: 503, until_cleared: true };
      const answer = await fetch(`${this.ready.graph}/_faults`, { method: "POST", body: JSON.stringify(order), headers: { "Content-Type": "application/json" } });
      assert.equal(answer.status, 201, await answer.text());
      await this.api(await this.other(), `/v1/requests/${asked.id}/decisions`, { decision: "approve" });
      return this.until("the removal does not fail", async () => {
        const request = await this.api(this.ready.people.admin, `/v1/requests/${asked.id}`);
        if (!request.grant) return undefined;
        const grant = await this.api(this.ready.people.admin, `/v1/grants/${request.grant}`);
        return grant.status === "ending" && grant.targets.some((target) => target.last_error ?? target.error) && request.grant;
      }, 2 * PATIENCE);
    });
  }

  /** Lets the requester take an entitlement in an emergency; made once. */
  async emergency() {
    return this.once("emergency", async () => {
      const { admin, requester } = this.ready.people;
      const found = (await this.all(admin, "/v1/admin/entitlements")).find(({ name }) => name === "prod-readers");
      const { id, created_at, version, unusable, ...fields } = found;
      const users = await this.all(admin, "/v1/admin/users");
      const people = { users: [users.find(({ user_name }) => user_name === requester).id] };
      return this.api(admin, `/v1/admin/entitlements/${id}`, { ...fields, critical: true, emergency: { people, maximum: "1h" } }, "PUT");
    });
  }

  /** Decides by one's sign-in: whoever has no fresh second factor is told so before they type, proves one, and comes back. */
  async decideBySignIn(person, comment, button) {
    const place = person.page.url();
    const way = person.page.getByRole("link", { name: "Sign in again to decide" });
    const field = person.page.getByLabel(/^Comment/);
    await way.or(field).first().waitFor();
    if (await way.isVisible()) {
      await way.click();
      const pick = person.page.locator("li", { hasText: person.user }).getByRole("link");
      await pick.or(field).first().waitFor();
      if (await pick.isVisible()) await pick.click();
      await person.page.waitForURL(place);
    }
    await field.fill(comment);
    await person.page.getByRole("button", { name: button, exact: true }).click();
    await person.page.waitForURL(/\/inbox\?done=/);
  }

  /** Enters the connector's credentials on their page, and has them tested. */
  async connector(admin, { tenant_id, client_id, client_secret }) {
    await admin.open("/admin/integrations");
    const form = admin.page.locator("form[action='/admin/integrations']");
    await form.locator("#tenant_id").fill(tenant_id);
    await form.locator("#client_id").fill(client_id);
    await form.locator("#client_secret").fill(client_secret);
    await form.getByRole("button").click();
    await this.signed(admin);
    await admin.open("/admin/integrations");
    this.check(!(await admin.page.content()).includes(client_secret), "a secret is never shown again");
    await admin.page.locator("form[action='/admin/integrations/test'] button").click();
    await admin.page.locator("#probe .notice").waitFor();
  }

  /**
   * The button by which a change is signed, once it is there. A new key cools down for some seconds here before it counts
   * for what admins sign; until then the page says so instead.
   */
  async signButton(admin) {
    const sign = admin.page.getByRole("button", { name: "Sign with passkey" });
    await this.until(`${admin.user} cannot sign`, async () => {
      if (await sign.isVisible()) return true;
      await admin.page.reload();
      return sign.isVisible();
    });
    return sign;
  }

  /** Signs a change of the configuration where a signature is asked for. */
  async signed(admin) {
    await admin.page.waitForLoadState();
    const sign = admin.page.getByRole("button", { name: "Sign with passkey" });
    if (await sign.isVisible()) await sign.click();
  }

  async once(name, make) {
    if (!this.people.has(name)) this.people.set(name, await make());
    return this.people.get(name);
  }

  /** A request by the API, so that journeys which are about something else begin where they are interesting. */
  async asked(justification, more = {}) {
    const body = { entitlement: this.ready.entitlement, duration: "1h", justification, ...more };
    return this.api(this.ready.people.requester, "/v1/requests", body);
  }

  /** What axe-core finds on the page as it is, by rule, in words. */
  async violations(page, rules) {
    await page.evaluate(AXE);
    const found = await page.evaluate(async (only) => {
      const options = only ? { runOnly: { type: "rule", values: only } } : { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };
      const { violations } = await window.axe.run(document, { ...options, resultTypes: ["violations"] });
      return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 4).map(({ html, any }) => `${html.slice(0, 200)} ${any[0]?.message ?? ""}`) }));
    }, rules);
    return found.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.join("\n    ")}`);
  }

  /**
   * The page as it is, wide and narrow, light and dark: axe-core finds nothing, and nothing is wider than a phone. All
   * rules twice; the other two times those that depend on colours and widths.
   */
  async accessible(page, name) {
    const looks = [["light", WIDE, undefined], ["dark", PHONE, undefined], ["dark", WIDE, ["color-contrast"]], ["light", PHONE, ["color-contrast", "target-size"]]];
    for (const [colorScheme, viewport, rules] of looks) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      const found = await this.violations(page, rules);
      this.equal(found, [], `${name}, ${colorScheme}, ${viewport.width} px wide:\n${found.join("\n")}`);
      if (viewport === PHONE) {
        const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        this.check(content <= window, `${name} is ${content} px wide on a phone of ${window} px`);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(WIDE);
  }
}
