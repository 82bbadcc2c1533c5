// Passkey ceremonies. A form with data-challenge is signed instead of sent: its fields go to the challenge's place, the
// browser asks the person, and the answer goes to data-finish. Nothing is decided here; whatever this script got wrong the
// server refuses.
"use strict";

(() => {
  const words = JSON.parse(document.body.dataset.words);
  const token = () => document.querySelector("input[name=form_token]")?.value ?? "";

  async function call(place, body) {
    const sent = {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Form-Token": token() },
      body: JSON.stringify(body),
    };
    const answer = await fetch(place, sent).catch(() => { throw new Error(words["script-no-connection"]); });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    if (answer.status === 401) {
      keep();
      const here = encodeURIComponent(location.pathname + location.search);
      const recent = String(said.type ?? "").endsWith(":sign-in-recent") ? "recent=1&" : "";
      location.assign(`/auth/sign-in?${recent}returnTo=${here}`);
      throw new Error(words["script-signing-in"]);
    }
    throw new Error(said.detail ?? words["script-no-answer"]);
  }

  // What was typed comes back after a sign-in that turned out to be needed: in this tab, and once.
  const kept = `typed:${location.pathname}`;
  const typed = () => [...document.querySelectorAll("form[data-challenge] :is(textarea, input[type=text], input:not([type]))")];

  function keep() {
    sessionStorage.setItem(kept, JSON.stringify(typed().map((field) => field.value)));
  }

  function restore() {
    const values = JSON.parse(sessionStorage.getItem(kept) ?? "[]");
    sessionStorage.removeItem(kept);
    const fields = typed();
    if (values.length !== fields.length) return;
    for (const [at, field] of fields.entries()) field.value ||= values[at];
  }

  // What follows may be shown once only: the browser goes there as with any form.
  function send(place) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = place;
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "form_token";
    field.value = token();
    form.append(field);
    document.body.append(form);
    form.submit();
  }

  async function ceremony(form, submitter) {
    const fields = Object.fromEntries(new FormData(form, submitter));
    delete fields.form_token;
    for (const [name, value] of Object.entries(fields)) if (value === "") delete fields[name];
    const begun = await call(form.dataset.challenge, fields);
    const asked = begun.options.publicKey;
    const credential =
      form.dataset.kind === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked) });
    const body = { ceremony: begun.ceremony, response: credential.toJSON() };
    if (form.dataset.kind === "create") body.name = fields.name;
    const done = await call(form.dataset.finish, body);
    if (done.post) send(done.post);
    else location.assign(done.place);
  }

  function said(error) {
    if (error.name === "NotAllowedError") return words["script-not-used"];
    if (error.name === "InvalidStateError") return words["script-known-already"];
    return error.message;
  }

  function unable(status) {
    status.className = "warning";
    const place = document.createElement("code");
    place.textContent = location.href;
    // One that knows passkeys, and not how they are asked for here, is too old; another one would not help on an old phone.
    status.append(`${words[window.PublicKeyCredential ? "script-old-browser" : "script-no-passkeys"]} `, place);
    const copy = document.createElement("button");
    copy.type = "button";
    copy.className = "copy";
    copy.textContent = words.copy;
    copy.addEventListener("click", () => navigator.clipboard?.writeText(location.href).then(() => { copy.textContent = words["script-copied"]; }));
    status.append(copy);
  }

  function prepare(form) {
    const status = document.createElement("p");
    status.setAttribute("role", "alert");
    form.append(status);
    const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON && navigator.credentials;
    if (!able) return unable(status);
    for (const button of form.querySelectorAll("button[disabled]")) button.disabled = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      status.className = "";
      status.textContent = words["script-waiting"];
      const buttons = form.querySelectorAll("button");
      ceremony(form, event.submitter).catch((error) => {
        status.className = "error";
        status.textContent = said(error);
        delete form.dataset.busy;
        for (const button of buttons) button.disabled = false;
      });
      form.dataset.busy = "yes";
      for (const button of buttons) button.disabled = true;
    });
    return undefined;
  }

  const all = (root) => { for (const form of root.querySelectorAll("form[data-challenge]")) prepare(form); };
  all(document);
  restore();
  // A live part of the page that was replaced brings new forms.
  document.addEventListener("fresh", (event) => { if (event.detail !== document) all(event.detail); });
})();
