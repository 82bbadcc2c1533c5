// A new deployment and its first admin: they register the application, give Entra its secret, and the checklist leads through
// everything else, shows at each step what is so, and is gone when all of it is done.
import assert from "node:assert/strict";

/** Changes something in the simulated tenant, as its own admin would in Entra. */
async function entra(stage, method, path, body = {}) {
  const answer = await fetch(`${stage.ready.graph}/_admin${path}`, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

export async function run(stage) {
  const { ready } = stage;
  const user = (name, roles) => ({ displayName: name, userPrincipalName: `${name.toLowerCase().replace(" ", ".")}@contoso.example`, appRoles: roles });
  const approvers = await entra(stage, "POST", "/groups", { displayName: "access-approvers", securityEnabled: true });
  const target = await entra(stage, "POST", "/groups", { displayName: "prod-admins", securityEnabled: true });
  const people = [];
  for (const name of ["Mira Sand", "Jona Fells"]) people.push(await entra(stage, "POST", "/users", user(name, ["Requester", "Approver"])));
  for (const person of people) await entra(stage, "PUT", `/groups/${approvers.id}/members/${person.id}`);

  const second = await entra(stage, "POST", "/users", user("Noa Vale", ["Requester", "Approver", "Admin"]));

  // Nobody is registered: whatever the admin opens, registering comes first.
  const admin = await stage.person(ready.people.admin, { path: "/admin/start" });
  await admin.open("/admin");
  await stage.accessible(admin.page, "a page of a tenant that nobody registered");
  await admin.page.locator("main a[href='/admin/start']").click();
  await stage.accessible(admin.page, "the first page of all");
  await stage.picture(admin, "fresh-start");
  const register = admin.page.getByRole("main").getByRole("button");
  await admin.page.locator("#id").fill("not a domain");
  await admin.page.locator("#name").fill("Contoso");
  await register.click();
  await admin.page.locator("#id[aria-invalid=true]").waitFor();
  stage.equal(await admin.page.locator("#name").inputValue(), "Contoso", "what was typed is kept");
  await stage.accessible(admin.page, "the first page, filled in wrongly");
  await admin.page.locator("#id").fill("contoso.example");
  await register.click();
  await admin.page.getByText("This is the only time that the secret is shown").waitFor();
  await stage.accessible(admin.page, "a secret that is shown once");
  await stage.picture(admin, "fresh-secret");
  const [url, token] = await admin.page.locator("dd code[data-copy]").allInnerTexts();
  await entra(stage, "PUT", "/provisioning", { url, token });
  await admin.open("/admin/start");
  stage.equal(new URL(admin.page.url()).pathname, "/admin", "whoever is registered needs no first page");
  stage.check(!(await admin.page.content()).includes(token), "a secret is never shown again");

  // Five steps, none done.
  await admin.open("/admin");
  const steps = admin.page.locator(".checklist > li");
  stage.check((await steps.count()) >= 5, "the checklist has its steps");
  await stage.accessible(admin.page, "the checklist of a fresh stack");
  await stage.picture(admin, "fresh-checklist");

  // Entra provisions.
  await entra(stage, "POST", "/provision");
  await admin.open("/admin");
  stage.check(await steps.filter({ hasText: "last heard of" }).first().isVisible(), "provisioning was heard of");

  // The connector.
  await stage.connector(admin, await entra(stage, "POST", "/connector/secret"));
  await stage.until("the connector does not answer", async () => {
    await admin.open("/admin");
    return steps.filter({ hasText: "answered" }).first().isVisible();
  });

  // Default approvers, on the template's page.
  await admin.open("/admin/template");
  await admin.page.getByLabel("Default approvers").fill("access-approvers");
  await admin.page.getByRole("button", { name: "Save the template" }).click();
  await stage.signed(admin);

  // The first group that can be requested.
  await admin.open("/admin/entitlements/groups");
  await admin.page.getByLabel("prod-admins").check();
  await admin.page.getByLabel("everybody", { exact: true }).check();
  await admin.page.getByRole("button", { name: "Switch on the chosen groups" }).click();
  await stage.signed(admin);
  await admin.page.getByText("prod-admins").first().waitFor();

  // Their own passkey, by the code from set-up.
  await stage.addKey(admin, "First laptop");
  await admin.page.getByLabel("Code from set-up").fill(stage.setUpCode);
  await admin.page.getByRole("button", { name: "Confirm with the code" }).click();
  await admin.page.getByText("in use").first().waitFor();

  // A second admin signs in: from then on, what makes access easier takes two.
  await admin.open("/admin");
  stage.check(await steps.filter({ hasText: "second admin" }).isVisible(), "a second admin is asked for");
  await stage.person(second.userPrincipalName, { path: "/admin" });

  await admin.open("/admin");
  const missing = await steps.filter({ hasNot: admin.page.locator(".state.good") }).allTextContents();
  stage.equal(missing.map((text) => text.trim()), [], "the checklist is gone when all is done");
  await stage.picture(admin, "fresh-done");

  // And somebody asks for it.
  const entitlements = await stage.all(people[0].userPrincipalName, "/v1/entitlements");
  stage.equal(entitlements.map(({ name }) => name), ["prod-admins"], "what was switched on can be asked for");
}
