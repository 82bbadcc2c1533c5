// Without script everything works that needs no passkey.

export async function run(stage) {
  const { ready } = stage;
  const plain = { javaScriptEnabled: false };
  const { id, name } = await stage.entitlement();
  const requester = await stage.person(ready.people.requester, { ...plain, path: "/access" });
  await requester.open(`/request?entitlement=${id}`);
  stage.check((await requester.page.locator("time").count()) === 0 || (await requester.page.getByText("UTC").count()) > 0, "times say their zone");
  await requester.page.getByLabel("1 h", { exact: true }).check({ force: true });
  await requester.page.locator("#justification").fill("INC-1045 without any script");
  await requester.page.getByRole("button", { name: "Ask for access" }).click();
  await requester.page.waitForURL(/\/(access|requests\/)/);

  // Whoever has no passkey decides by their sign-in.
  const other = await stage.person(await stage.other(), { ...plain, path: "/inbox" });
  const sent = (await stage.all(ready.people.requester, "/v1/history")).find(({ request }) => request.justification === "INC-1045 without any script");
  await other.page.locator(`a[href="/inbox/${sent.request.id}"]`).click();
  await other.page.waitForURL(/\/inbox\/[0-9a-f-]+$/);
  await stage.decideBySignIn(other, "Not without a script", "Deny");
  await stage.until("the denial does not show", async () => {
    await requester.open("/access");
    return (await requester.page.locator("#waiting li").count()) === 0;
  });

  // Asking again, approved by a sign-in, and given back.
  const asked = await stage.asked("INC-1046 without any script, once more");
  await other.open(`/inbox/${asked.id}`);
  await stage.decideBySignIn(other, "", "Approve for 1 h");
  const request = await stage.until("the approval does not show", async () => {
    const request = await stage.api(ready.people.requester, `/v1/requests/${asked.id}`);
    return request.grant && request;
  });
  await requester.open("/access");
  stage.check(await requester.page.getByText(/UTC/).first().isVisible(), "times are in UTC, and say so");
  await requester.page.getByText("End access now").first().click();
  await requester.page.getByRole("button", { name: `End ${name} now` }).click();
  await requester.page.waitForURL(/\/access/);
  await stage.until("the access does not end", async () => (await stage.api(ready.people.requester, `/v1/grants/${request.grant}`)).status === "ended");
  for (const who of [requester, other]) await who.context.close();
}
