// From the search for an entitlement to the end of the access, by the people whose pages these are.

export async function run(stage) {
  const { ready } = stage;
  const approver = await stage.keyholder(ready.people.approver);
  const requester = await stage.person(ready.people.requester, { path: "/access" });
  stage.people.set("requester", requester);
  stage.check(await requester.page.getByText("You have no access at the moment").isVisible(), "who has nothing is told so");

  // Search, ask, and what was wrong is told beside the field.
  const { name } = await stage.entitlement();
  await requester.open("/request");
  await requester.page.getByRole("searchbox").fill(name.slice(0, 4));
  await requester.page.getByRole("button", { name: "Search" }).click();
  await requester.page.getByRole("link", { name, exact: true }).click();
  await requester.page.getByLabel("2 h", { exact: true }).check({ force: true });
  await requester.page.getByRole("button", { name: "Ask for access" }).click();
  await requester.page.locator("[role=alert]").first().waitFor();
  stage.check(await requester.page.locator("#justification[aria-invalid=true]").isVisible(), "what is wrong is said beside the field");
  stage.check(await requester.page.getByLabel("2 h", { exact: true }).isChecked(), "what was chosen is kept");
  const why = "INC-1044 restart of the checkout";
  await requester.page.locator("#justification").fill(why);
  await requester.page.getByRole("button", { name: "See what will happen" }).click();
  await requester.page.getByText("This will happen").waitFor();
  await stage.picture(requester, "ask-preview");
  await requester.page.getByRole("button", { name: "Ask for access" }).first().click();
  await requester.page.waitForURL(/\/(access|requests\/)/);
  const [waiting] = (await stage.all(ready.people.requester, "/v1/history")).filter((entry) => (entry.request ?? entry).justification === why);
  const asked = waiting.request ?? waiting;
  stage.check(asked, "the request was made");
  await requester.page.reload();
  const again = (await stage.all(ready.people.requester, "/v1/history")).filter((entry) => (entry.request ?? entry).justification === why);
  stage.equal(again.length, 1, "a reload repeats nothing");

  // Approved elsewhere: the requester's page shows it without being touched, and the time left counts down.
  await requester.open("/access");
  await approver.open(`/inbox/${asked.id}`);
  await approver.page.getByRole("button", { name: "Approve for 2 h", exact: true }).click();
  await approver.page.waitForURL(/\/inbox\?done=approved/);
  const left = requester.page.locator("#held .left").first();
  await left.waitFor({ timeout: 15_000 });
  const [first, ring] = await Promise.all([left.getAttribute("data-until"), requester.page.locator("#held .ring .rest").first().getAttribute("stroke-dasharray")]);
  stage.check(Math.abs(Date.parse(first) - Date.now() - 7_200_000) < 60_000, "it ends in two hours");
  await requester.page.clock.install();
  await requester.page.clock.fastForward(3_600_000);
  await stage.until("the time left does not count down", async () => /^(1 h( 1 min)?|60 min|59 min) left$/.test((await left.textContent()).trim()));
  const later = await requester.page.locator("#held .ring .rest").first().getAttribute("stroke-dasharray");
  stage.check(Number.parseFloat(later) < Number.parseFloat(ring) - 40, `the ring empties: ${ring}, ${later}`);
  await requester.page.clock.resume();
  await stage.picture(requester, "access");

  // Ending it says what will happen, and to whom.
  await requester.open("/access");
  await requester.page.getByText("End access now").first().click();
  stage.check(await requester.page.getByText(/^Takes .* out of/).first().isVisible(), "ending says what it does");
  await requester.page.getByRole("button", { name: `End ${name} now` }).click();
  await requester.page.waitForURL(/\/access/);
  await stage.until("the access does not end", async () => {
    const request = await stage.api(ready.people.requester, `/v1/requests/${asked.id}`);
    return (await stage.api(ready.people.requester, `/v1/grants/${request.grant}`)).status === "ended";
  });
}
