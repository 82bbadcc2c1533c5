// A real browser, with a virtual authenticator for each person, goes through the console of the laptop program:
// signing in, enrolling passkeys, confirming them, approving a request, activating one, and signing out.
//
//   node console.mjs READY_FILE CHROMIUM SET_UP_CODE PICTURES
//
// Says one line of JSON on success; the first thing that is not as it should be ends it with status 1.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [readyFile, executablePath, setUpCode, pictures] = process.argv.slice(2);
const ready = JSON.parse(readFileSync(readyFile, "utf8"));
const PATIENCE = 30_000;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
mkdirSync(pictures, { recursive: true });
let checks = 0;
const check = (holds, what) => { assert.ok(holds, what); checks += 1; };

const browser = await chromium.launch({ executablePath, args: FLAGS });

/** Somebody with a browser and an authenticator of their own, signed in through the identity provider's own page. */
async function person(user, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.on("pageerror", (error) => { throw error; });
  const protocol = await context.newCDPSession(page);
  await protocol.send("WebAuthn.enable");
  const { authenticatorId } = await protocol.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await page.goto(`${ready.console}/passkeys`);
  await page.locator("li", { hasText: user }).getByRole("link").click();
  await page.waitForURL(`${ready.console}/passkeys`);
  const verified = (isUserVerified) => protocol.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  return { user, page, verified };
}

async function picture(who, name) {
  await who.page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
}

async function addKey(who, name) {
  await who.page.getByLabel("Name of the device").fill(name);
  await who.page.getByRole("button", { name: "Add this device's passkey" }).click();
  await who.page.getByText("The passkey was added").waitFor();
}

async function token(user) {
  const answer = await fetch(`${ready.oidc}/dev-token`, { method: "POST", body: JSON.stringify({ user }) });
  return (await answer.json()).access_token;
}

async function api(user, path, body) {
  const headers = { Authorization: `Bearer ${await token(user)}`, "Content-Type": "application/json" };
  const answer = await fetch(`${ready.api}${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  const said = await answer.json();
  assert.ok(answer.ok, `${path}: ${JSON.stringify(said)}`);
  return said;
}

async function until(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    if (await look()) return;
    assert.ok(Date.now() < end, what);
    await new Promise((next) => setTimeout(next, 200));
  }
}

// The very first admin.
const admin = await person(ready.people.admin);
check(await admin.page.getByText("You have no passkey yet").isVisible(), "an empty page says so");
await picture(admin, "passkeys-empty");
await addKey(admin, "Admin's laptop");
await picture(admin, "passkeys-waiting");
await admin.page.getByLabel("Code from set-up").fill(setUpCode);
await admin.page.getByRole("button", { name: "Confirm with the code" }).click();
await admin.page.getByText("in use").first().waitFor();
check(await admin.page.getByText("A second on another device").isVisible(), "a second key is offered");
await picture(admin, "passkeys");

// An approver, whose key the admin confirms.
const approver = await person(ready.people.approver, { viewport: { width: 360, height: 740 } });
await addKey(approver, "Approver's phone");
await admin.page.goto(`${ready.console}/passkeys/waiting`);
await picture(admin, "keys-that-wait");
await admin.page.getByRole("button", { name: /^Confirm the key of / }).click();
await admin.page.waitForURL(/\/passkeys\?done=changed/);
await approver.page.reload();
await approver.page.getByText("in use").first().waitFor();
checks += 1;

// A request, and its approval on a phone.
const asked = await api(ready.people.requester, "/v1/requests", {
  entitlement: ready.entitlement, duration: "1h", justification: "INC-1042: the checkout is down <b>&</b> must be restarted",
});
await approver.page.goto(`${ready.console}/inbox`);
await picture(approver, "inbox-phone");
await approver.page.getByRole("link", { name: asked.entitlement_name }).click();
await picture(approver, "request-phone");
check(await approver.page.getByText("<b>&</b>").isVisible(), "what people wrote is text");
await approver.verified(false);
await approver.page.getByRole("button", { name: "Approve with passkey" }).click();
await approver.page.getByText("The passkey was not used").waitFor();
checks += 1;
await approver.verified(true);
await approver.page.getByRole("button", { name: "Approve with passkey" }).click();
await approver.page.waitForURL(/\/inbox\?done=approved/);
check(await approver.page.getByText("Approved.").isVisible(), "the page says what was done");
await picture(approver, "approved-phone");
const granted = await api(ready.people.requester, `/v1/requests/${asked.id}`);
await until("the member does not come", async () => {
  const grant = await api(ready.people.requester, `/v1/grants/${granted.grant}`);
  return grant.status === "active";
});
checks += 1;

// Dark, wide, and without script.
const dark = await person(ready.people.approver, { colorScheme: "dark", viewport: { width: 1440, height: 900 } });
await dark.page.goto(`${ready.console}/inbox/${asked.id}`);
await picture(dark, "request-dark");
await dark.page.goto(`${ready.console}/auth/sessions`);
await picture(dark, "sessions-dark");
await dark.page.goto(`${ready.console}/activate`);
await picture(dark, "emergency-dark");

// Nothing is loaded from elsewhere, and nothing of ours is refused by the policy.
const foreign = [];
const refused = [];
dark.page.on("request", (request) => { if (!request.url().startsWith(ready.console)) foreign.push(request.url()); });
dark.page.on("console", (message) => { if (message.type() === "error") refused.push(message.text()); });
for (const path of ["/inbox", "/passkeys", "/activate", "/inbox/reviews", "/auth/sessions"]) {
  await dark.page.goto(`${ready.console}${path}`);
}
assert.deepEqual(foreign, []);
assert.deepEqual(refused, []);
checks += 2;

// Signing out ends it.
await dark.page.getByRole("button", { name: "Sign out", exact: true }).click();
await dark.page.getByRole("heading").first().waitFor();
await dark.page.goto(`${ready.console}/auth/signed-out`);
await picture(dark, "signed-out");

await browser.close();
console.log(JSON.stringify({ checks }));
