// A change of the configuration takes two admins: one proposes and signs it, another signs it, and only then it is so.

export async function run(stage) {
  const { ready } = stage;
  const ola = await stage.admin();
  const noor = await stage.keyholder("noor.haddad@contoso.example");
  const { id } = await stage.entitlement();
  const place = `/admin/entitlements/${id}`;
  const before = await stage.api(ola.user, `/v1/admin/entitlements/${id}`);

  // Proposed on the entitlement's own page; nothing is different yet.
  await ola.open(place);
  await ola.page.locator("#description").fill(`${before.description} (changed by two)`);
  const everyone = ola.page.locator("input[name=eligible_kind][value=everyone]");
  const already = await everyone.isChecked();
  await (already ? ola.page.locator("#critical") : everyone).check();
  await ola.page.getByRole("button", { name: /save/i }).click();
  await ola.page.waitForURL(/\/changes\/[0-9a-f-]{36}/);
  const change = new URL(ola.page.url()).pathname;
  stage.check(await ola.page.getByText("Nothing has changed yet").isVisible(), "proposing changes nothing");
  stage.equal((await stage.api(ola.user, `/v1/admin/entitlements/${id}`)).version, before.version, "still the version before");
  await stage.picture(ola, "change-proposed");
  await stage.accessible(ola.page, "a change that was proposed");

  // The proposer signs; alone that is not enough, and one cannot be both.
  await ola.page.getByRole("button", { name: "Sign with passkey" }).click();
  await ola.page.getByText("It takes effect when another admin has signed it too").waitFor();
  stage.equal((await stage.api(ola.user, `/v1/admin/entitlements/${id}`)).version, before.version, "one signature is not enough");
  stage.equal(await ola.page.getByRole("button", { name: "Sign with passkey" }).count(), 0, "nobody signs twice");

  // The other one finds it in their list, sees what changes, and signs.
  await noor.open("/changes");
  await noor.page.locator(`main a[href="${change}"]`).click();
  await noor.page.waitForURL((url) => url.pathname === change);
  stage.check(await noor.page.getByRole("cell").filter({ hasText: "changed by two" }).first().isVisible(), "the change is shown field by field");
  await noor.page.getByRole("button", { name: "Sign with passkey" }).click();
  const apply = noor.page.getByRole("button", { name: "Make it so" });
  await noor.page.getByText(/in force/).first().waitFor();
  if (await apply.isVisible()) await apply.click();
  await stage.until("the change does not take effect", async () => {
    const now = await stage.api(ola.user, `/v1/admin/entitlements/${id}`);
    return now.version > before.version && now.description.endsWith("(changed by two)");
  });
  await noor.open(change);
  await stage.picture(noor, "change-in-force");
  await stage.accessible(noor.page, "a change that is in force");
}
