// What pages do where script runs, beyond what they do without: times in the reader's zone, time left, news of what changed
// elsewhere, tables that sort, and things to copy. Nothing is decided here.
"use strict";

(() => {
  const words = JSON.parse(document.body.dataset.words);
  // Days before months and no a.m., as where script is off.
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  const SHAPES = {
    minute: { dateStyle: "medium", timeStyle: "short" },
    clock: { timeStyle: "short", hour12: false },
    day: { dateStyle: "medium" },
  };
  const formats = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, new Intl.DateTimeFormat(language, shape)]));

  function times(root) {
    for (const time of root.querySelectorAll("time[data-shape]")) {
      time.textContent = formats[time.dataset.shape].format(new Date(time.dateTime));
    }
    // What was typed in UTC where script is off is typed in the reader's zone where it is on.
    for (const field of root.querySelectorAll("input[data-utc]")) zoned(field);
  }

  function zoned(field) {
    if (field.dataset.zoned) return;
    field.dataset.zoned = "yes";
    const pad = (number) => String(number).padStart(2, "0");
    const local = (at) =>
      `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
    // What a browser restored after a reload is in the reader's zone already.
    if (field.value && field.value === field.defaultValue) field.value = local(new Date(`${field.value}Z`));
    const zone = document.getElementById(field.dataset.utc);
    if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
    field.form?.addEventListener("formdata", (event) => {
      if (field.value && !Number.isNaN(Date.parse(field.value))) {
        event.formData.set(field.name, new Date(field.value).toISOString().slice(0, 16));
      }
    });
  }

  function span(seconds) {
    if (seconds < 60) return fill(words["span-seconds"], { seconds: Math.max(0, Math.floor(seconds)) });
    const all = Math.ceil(seconds / 60);
    const [days, hours, minutes] = [Math.floor(all / 1440), Math.floor(all / 60) % 24, all % 60];
    if (days) return fill(words[hours ? "span-days-hours" : "span-days"], { days, hours });
    if (hours) return fill(words[minutes ? "span-hours-minutes" : "span-hours"], { hours, minutes });
    return fill(words["span-minutes"], { minutes });
  }

  // From the clock each time and never by counting, so that it is right after the laptop slept.
  function count() {
    const now = Date.now();
    for (const left of document.querySelectorAll(".left[data-until]")) {
      const rest = (Date.parse(left.dataset.until) - now) / 1000;
      const text = rest > 0 ? fill(words.left, { time: span(rest) }) : left.dataset.over;
      if (left.textContent !== text) left.textContent = text;
    }
    for (const ring of document.querySelectorAll(".ring[data-to]")) {
      const [from, to] = [Date.parse(ring.dataset.from), Date.parse(ring.dataset.to)];
      const part = Math.max(0, Math.min(100, (100 * (to - now)) / (to - from)));
      ring.querySelector(".rest").setAttribute("stroke-dasharray", `${part.toFixed(1)} 100`);
    }
  }

  // The same page is asked for again, and what is in its live parts takes the place of what is shown there. Whoever is in the
  // middle of one (a field has the focus, or something was typed) is left alone.
  const NEWS_EVERY = 4000;
  const NEWS_WITHIN = 10_000;
  const NEWS_MISSED = 3;
  function busy(part) {
    const changed = (field) => field.type !== "hidden" && (field.value !== field.defaultValue || field.checked !== field.defaultChecked);
    return (
      (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select, summary, button")) ||
      part.querySelector("details[open], [data-busy]") !== null ||
      [...part.querySelectorAll("input, textarea")].some(changed)
    );
  }
  // Where that is: at the address that the page names, where it is the answer to a form, and at its own otherwise.
  const home = () => new URL(document.body.dataset.news || location.href, location.href);
  // A page that looks calm and is old would be worse than one that says that it is old: so the latter.
  let fresh = Date.now();
  let missed = 0;
  function old(signedOut) {
    missed += 1;
    if ((!signedOut && missed < NEWS_MISSED) || document.getElementById("old")) return;
    const bar = document.createElement("p");
    bar.id = "old";
    bar.className = "warning banner";
    bar.setAttribute("role", "alert");
    bar.append(fill(words["script-old"], { time: formats.clock.format(new Date(fresh)) }));
    if (signedOut) {
      const way = document.createElement("a");
      way.href = `/auth/sign-in?returnTo=${encodeURIComponent(home().pathname + home().search)}`;
      way.textContent = words["error-way-sign-in"];
      bar.append(" ", way);
    }
    document.querySelector("main").prepend(bar);
  }
  function current() {
    fresh = Date.now();
    missed = 0;
    document.getElementById("old")?.remove();
  }

  let asking = false;
  function news() {
    if (asking || document.hidden || !document.querySelector("[data-live]")) return;
    const call = new XMLHttpRequest();
    const from = home();
    call.open("GET", from);
    call.responseType = "document";
    call.timeout = NEWS_WITHIN;
    call.setRequestHeader("X-News", "1");
    call.onload = () => {
      if (call.status === 401) return old(true);
      if (call.status !== 200 || !call.responseXML) return old(false);
      // Led elsewhere: the page is not for whoever reads it any more, and what it shows is not looked after.
      if (new URL(call.responseURL).pathname !== from.pathname) return old(false);
      current();
      for (const place of document.querySelectorAll("[data-live][id]")) {
        const part = call.responseXML.getElementById(place.id);
        if (part && !busy(place)) update(place, part);
      }
      return undefined;
    };
    call.onerror = () => old(false);
    call.ontimeout = () => old(false);
    call.onloadend = () => { asking = false; };
    asking = true;
    call.send();
  }
  // The part itself stays, so that screen readers tell what is new in it, and a link keeps the focus.
  function update(place, part) {
    const now = bare(part);
    const inside = document.importNode(part, true);
    if (served.get(place.id) === now) {
      const moving = inside.querySelectorAll("[data-moving]");
      place.querySelectorAll("[data-moving]").forEach((one, n) => { one.replaceChildren(...moving[n].childNodes); times(one); });
      return;
    }
    served.set(place.id, now);
    const href = place.contains(document.activeElement) && document.activeElement.getAttribute("href");
    place.replaceChildren(...inside.childNodes);
    prepare(place);
    if (href) [...place.querySelectorAll("a")].find((link) => link.getAttribute("href") === href)?.focus();
  }
  // A part as it was served, without what changes by itself while nothing happens.
  function bare(part) {
    const copy = part.cloneNode(true);
    for (const moving of copy.querySelectorAll("[data-moving]")) moving.textContent = "";
    for (const left of copy.querySelectorAll(".left")) left.textContent = "";
    for (const rest of copy.querySelectorAll(".ring .rest")) rest.removeAttribute("stroke-dasharray");
    return copy.innerHTML;
  }
  const served = new Map([...document.querySelectorAll("[data-live][id]")].map((part) => [part.id, bare(part)]));

  function sortable(table) {
    const heads = [...table.querySelectorAll("thead th")].filter((head) => head.textContent.trim() && !head.hasAttribute("data-unsorted"));
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const text = (row) => {
          const cell = row.cells[head.cellIndex];
          return cell?.dataset.sort ?? cell?.querySelector("time")?.dateTime ?? cell?.textContent.trim() ?? "";
        };
        const rows = [...body.rows].sort((a, b) => text(a).localeCompare(text(b), language, { numeric: true }));
        body.append(...(up ? rows : rows.reverse()));
      });
    }
  }

  function copying(place) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = words.copy;
    button.setAttribute("aria-label", `${words.copy} ${place.textContent.trim()}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(place.textContent.trim());
      } catch {
        // Not allowed here: chosen, it can be copied by hand.
        getSelection().selectAllChildren(place);
        return;
      }
      const before = button.textContent;
      button.textContent = words["script-copied"];
      setTimeout(() => { button.textContent = before; }, 2000);
    });
    place.after(button);
  }

  function prepare(root) {
    times(root);
    for (const table of root.querySelectorAll("table[data-sort]")) sortable(table);
    for (const place of root.querySelectorAll("[data-copy]")) copying(place);
    count();
    document.dispatchEvent(new CustomEvent("fresh", { detail: root }));
  }

  // A menu closes when somebody clicks elsewhere or presses Escape.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  prepare(document);
  setInterval(count, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { count(); if ("news" in document.body.dataset) news(); } });
  if ("news" in document.body.dataset) setInterval(news, NEWS_EVERY);
})();
