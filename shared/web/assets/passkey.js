// Passkey ceremonies. A form with data-challenge is signed instead of sent: its fields go to the challenge's place, the
// browser asks the person, and the answer goes to data-finish. Nothing is decided here; whatever this script got wrong the
// server refuses.
"use strict";

(() => {
  const token = () => document.querySelector("input[name=form_token]")?.value ?? "";

  async function call(place, body) {
    const answer = await fetch(place, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Form-Token": token() },
      body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    if (answer.status === 401) {
      const here = encodeURIComponent(location.pathname + location.search);
      const recent = String(said.type ?? "").endsWith(":sign-in-recent") ? "recent=1&" : "";
      location.assign(`/auth/sign-in?${recent}returnTo=${here}`);
      throw new Error("Signing in again …");
    }
    throw new Error(said.detail ?? "Hourglass did not answer as expected. Nothing was changed; try again.");
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
    location.assign(done.place);
  }

  function words(error) {
    if (error.name === "NotAllowedError") return "The passkey was not used: it was cancelled, took too long, or did not verify you. Nothing was changed.";
    if (error.name === "InvalidStateError") return "This device has a passkey for your account already.";
    return error.message;
  }

  function prepare(form) {
    const status = document.createElement("p");
    status.setAttribute("role", "alert");
    form.append(status);
    const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON && navigator.credentials;
    if (!able) {
      status.className = "warning";
      status.textContent = "This browser cannot use passkeys. Open this address in your usual browser: ";
      const place = document.createElement("code");
      place.textContent = location.href;
      status.append(place);
      return;
    }
    for (const button of form.querySelectorAll("button[disabled]")) button.disabled = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      status.className = "";
      status.textContent = "Waiting for your passkey …";
      const buttons = form.querySelectorAll("button");
      ceremony(form, event.submitter).catch((error) => {
        status.className = "error";
        status.textContent = words(error);
        for (const button of buttons) button.disabled = false;
      });
      for (const button of buttons) button.disabled = true;
    });
  }

  for (const form of document.querySelectorAll("form[data-challenge]")) prepare(form);
})();
