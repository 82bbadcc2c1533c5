// Enrolling passkeys, confirming them, and a browser that cannot use any.

export async function run(stage) {
  const { ready } = stage;
  // The very first admin.
  const admin = await stage.person(ready.people.admin);
  stage.people.set("admin", admin);
  stage.check(await admin.page.getByText("You have no passkey yet").isVisible(), "an empty page says so");
  await stage.addKey(admin, "Admin's laptop");
  await admin.page.getByLabel("Code from set-up").fill(stage.setUpCode);
  await admin.page.getByRole("button", { name: "Confirm with the code" }).click();
  await admin.page.getByText("in use").first().waitFor();
  stage.check(await admin.page.getByText("A second on another device").isVisible(), "a second key is offered");

  // An approver, whose key the admin confirms.
  await stage.keyholder(ready.people.approver);

  // A browser inside another program, such as a chat, often has no passkeys: it is told, with the address to copy.
  const inside = await stage.person(ready.people.approver, { path: "/inbox" });
  await inside.context.addInitScript(() => { delete window.PublicKeyCredential; });
  const asked = await stage.asked("A link from a chat opens a browser inside it");
  await inside.open(`/inbox/${asked.id}`);
  await inside.page.getByText("This browser cannot use passkeys").waitFor();
  stage.check(await inside.page.getByText(`${ready.console}/inbox/${asked.id}`).isVisible(), "the address is there to copy");
  const approve = inside.page.getByRole("button", { name: "Approve for 1 h", exact: true });
  stage.check(await approve.isDisabled(), "and nothing that cannot work can be pressed");
  await stage.api(ready.people.requester, `/v1/requests/${asked.id}/cancel`, {});
  await inside.context.close();
}
