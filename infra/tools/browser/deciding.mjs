// An approver on a phone: the first look, a passkey that does not verify, approving for less, and what others do meanwhile.
import { PHONE, WIDE } from "./lib.mjs";

const EVIL = "INC-1042: the checkout is down <b>&</b> must be restarted";

export async function run(stage) {
  const { ready } = stage;
  const approver = await stage.keyholder(ready.people.approver);
  await approver.page.setViewportSize(PHONE);

  // Opening a request changes nothing, however often.
  const asked = await stage.asked(EVIL);
  const before = await stage.api(ready.people.requester, `/v1/requests/${asked.id}`);
  await approver.open("/inbox");
  await stage.picture(approver, "inbox-phone");
  await approver.page.getByRole("link", { name: asked.entitlement_name }).first().click();
  await approver.page.waitForURL(`${ready.console}/inbox/${asked.id}`);
  await approver.page.reload();
  stage.equal(await stage.api(ready.people.requester, `/v1/requests/${asked.id}`), before, "opening a request changed it");

  // Who, what, how long, why and risk lie within the first screen.
  await approver.page.evaluate(() => window.scrollTo(0, 0));
  for (const label of ["What", "How long", "Who", "Risk", "Why"]) {
    const fact = approver.page.locator("dl.brief dt", { hasText: new RegExp(`^${label}$`) }).locator("xpath=following-sibling::dd[1]");
    const box = await fact.boundingBox();
    stage.check(box && box.y + box.height <= PHONE.height && box.x + box.width <= PHONE.width, `${label} is not within the first screen: ${JSON.stringify(box)}`);
  }
  await approver.page.screenshot({ path: `${stage.pictures}/request-first-screen.png` });
  stage.check(await approver.page.getByText("<b>&</b>").first().isVisible(), "what people wrote is text");

  // A passkey that does not verify the person changes nothing.
  await approver.verified(false);
  await approver.page.getByRole("button", { name: "Approve for 1 h", exact: true }).click();
  await approver.page.getByText("The passkey was not used").waitFor();
  await approver.verified(true);

  // Nor is anything lost that was typed when it takes a sign-in first.
  const comment = approver.page.locator("textarea[name=comment]");
  await comment.fill("As agreed on the phone.");
  const session = await approver.context.cookies();
  await approver.context.clearCookies();
  await approver.page.getByRole("button", { name: "Approve for 1 h", exact: true }).click();
  await approver.page.waitForURL((url) => !url.href.startsWith(`${ready.console}/inbox`));
  await approver.context.clearCookies();
  await approver.context.addCookies(session);
  await approver.open(`/inbox/${asked.id}`);
  stage.equal(await comment.inputValue(), "As agreed on the phone.", "what was typed comes back");
  await approver.page.reload();
  stage.equal(await comment.inputValue(), "", "and once");

  // For less time than was asked for.
  await approver.page.getByRole("button", { name: "Approve for 30 min", exact: true }).click();
  await approver.page.waitForURL(/\/inbox\?done=approved/);
  stage.check(await approver.page.getByText("Approved.").isVisible(), "the page says what was done");
  await stage.picture(approver, "approved-phone");
  const granted = await stage.api(ready.people.requester, `/v1/requests/${asked.id}`);
  const grant = await stage.until("the member does not come", async () => {
    const grant = await stage.api(ready.people.requester, `/v1/grants/${granted.grant}`);
    return grant.status === "active" && grant;
  });
  const minutes = (Date.parse(grant.expires_at) - Date.parse(grant.starts_at)) / 60_000;
  stage.check(minutes >= 30 && minutes < 32, `it was approved for ${minutes} minutes`);
  await stage.api(ready.people.requester, `/v1/grants/${granted.grant}/check-in`, {});

  // A page that lies open shows within seconds that somebody else decided, and a reload repeats nothing.
  await approver.page.setViewportSize(WIDE);
  await stage.until("the first one is not over", async () => {
    const grant = await stage.api(ready.people.requester, `/v1/grants/${granted.grant}`);
    return grant.status === "ended";
  });
  const second = await stage.asked("INC-1043 another look at the checkout");
  const third = "Decided by somebody else";
  await approver.open(`/inbox/${second.id}`);
  await approver.page.getByRole("button", { name: "Deny", exact: true }).waitFor();
  const other = await stage.other();
  await stage.api(other, `/v1/requests/${second.id}/decisions`, { decision: "deny", comment: third });
  await approver.page.getByText("denied", { exact: false }).first().waitFor({ timeout: 10_000 });
  await approver.page.getByRole("button", { name: "Deny", exact: true }).waitFor({ state: "detached", timeout: 10_000 });
  stage.check(true, "a page left open shows what was decided elsewhere");
  await stage.picture(approver, "request-decided-elsewhere");

  // The inbox is empty, says so and since when.
  await approver.open("/inbox");
  stage.check(await approver.page.getByText("Nothing waits for you").isVisible(), "an empty inbox says so");
  stage.check(await approver.page.locator(".empty time").isVisible(), "and since when");
  await stage.picture(approver, "inbox-empty");

  // A page that lies open and hears nothing says that it is old, and since when; and is calm again when it does.
  const old = approver.page.getByText(/^Not up to date since/);
  await approver.context.setOffline(true);
  await old.waitFor({ timeout: 60_000 });
  stage.check(await old.evaluate((bar) => bar.getAttribute("role") === "alert"), "it is told, not only shown");
  stage.equal(await stage.violations(approver.page), [], "an old page");
  await approver.context.setOffline(false);
  await old.waitFor({ state: "detached" });
  const cookies = await approver.context.cookies();
  await approver.context.clearCookies();
  await approver.page.locator("#old a[href^='/auth/sign-in?']").waitFor();
  stage.check(true, "whoever is not signed in any more is shown the way");
  await approver.context.addCookies(cookies);
  await old.waitFor({ state: "detached" });

  // What is not there, or not theirs, is told with a way on.
  const answer = await approver.open("/inbox/00000000-0000-4000-8000-000000000000");
  stage.equal(answer.status(), 404, "an unknown request is not found");
  stage.check(await approver.page.locator("main a[href='/request']").isVisible(), "a 404 offers the search");
}
