// A change that takes two: one admin proposes it on a page and signs it, another signs it, and it is in force.

export const SECOND = "noor.haddad@contoso.example";

export async function run(stage) {
  const { ready } = stage;
  const admin = await stage.admin();
  const second = await stage.keyholder(SECOND);
  const place = `/admin/entitlements/${ready.entitlement}`;
  const api = `/v1/admin/entitlements/${ready.entitlement}`;
  const before = await stage.api(ready.people.admin, api);

  // The form leads to the proposal instead of saving.
  await admin.open(place);
  await admin.page.locator("#on_behalf").check();
  await admin.page.locator(`form[action="${place}"] button:not([type=button])`).last().click();
  await admin.page.waitForURL(/\/changes\/[0-9a-f-]+\?done=proposed/);
  const change = new URL(admin.page.url()).pathname;
  stage.equal(await stage.api(ready.people.admin, api), before, "a proposal changes nothing");
  stage.check(await admin.page.getByRole("rowheader", { name: "May be asked for others" }).isVisible(), "the page says what changes");
  await stage.accessible(admin.page, "a proposed change");
  await stage.picture(admin, "change-proposed");

  // The other admin sees it, and that it is not their turn.
  await second.open("/changes");
  await second.page.locator(`a[href="${change}"]`).click();
  await second.page.getByText("Its proposer signs first").waitFor();
  stage.equal(await second.page.getByRole("button", { name: "Sign with passkey" }).count(), 0, "nobody signs before the proposer");

  await (await stage.signButton(admin)).click();
  await admin.page.waitForURL(/\?done=signed/);
  stage.equal(await admin.page.getByRole("button", { name: "Sign with passkey" }).count(), 0, "nobody signs twice");

  // A passkey that does not verify the person changes nothing.
  await second.open(change);
  await second.verified(false);
  await (await stage.signButton(second)).click();
  await second.page.getByText("The passkey was not used").waitFor();
  stage.equal(await stage.api(ready.people.admin, api), before, "an unverified passkey changes nothing");
  await second.verified(true);

  // The second signature makes it so.
  await stage.accessible(second.page, "a change to sign");
  await (await stage.signButton(second)).click();
  await second.page.waitForURL(/\?done=applied/);
  stage.check(await second.page.getByText("It is in force.").isVisible(), "the page says that it is in force");
  stage.equal((await stage.api(ready.people.admin, api)).on_behalf, true, "it is in force");
  await stage.picture(second, "change-applied");
  await second.page.reload();
  stage.equal((await stage.api(ready.people.admin, `/v1/admin${change}`)).status, "applied", "a reload repeats nothing");

  // A SCIM secret is made with the second signature, and shown on the page that answers it.
  const asked = await stage.api(ready.people.admin, "/v1/admin/applications/contoso.example/scim-tokens", {});
  await admin.open(`/changes/${asked.change}`);
  await (await stage.signButton(admin)).click();
  await admin.page.waitForURL(/\?done=signed/);
  await second.open(`/changes/${asked.change}`);
  await (await stage.signButton(second)).click();
  await second.page.waitForURL(/\/apply$/);
  await stage.accessible(second.page, "a fresh secret");
  const secret = await second.page.locator("dd code[data-copy]").last().innerText();
  const users = await fetch(`${ready.scim.url}/Users?count=1`, { headers: { Authorization: `Bearer ${secret}` } });
  stage.equal(users.status, 200, "the secret that was shown once is one");

  // Taking it back takes one.
  const other = await stage.api(ready.people.admin, api, { ...fields(before), quorum: 2 }, "PUT");
  await second.open(`/changes/${other.change}`);
  await second.page.getByRole("button", { name: "Take it back" }).click();
  await second.page.waitForURL(/\?done=withdrawn/);
  stage.equal((await stage.api(ready.people.admin, `/v1/admin/changes/${other.change}`)).status, "withdrawn", "it was taken back");
}

/** An entitlement's fields as they are sent. */
function fields({ id, created_at, version, unusable, ...rest }) {
  return rest;
}
