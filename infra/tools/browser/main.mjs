// A real browser at the console of the laptop program.
//
//   node main.mjs journeys READY_FILE EMPTY_READY_FILE CHROMIUM SET_UP_CODE PICTURES [JOURNEY …]
//   node main.mjs screenshots READY_FILE EMPTY_READY_FILE CHROMIUM SET_UP_CODE PICTURES
//
// Journeys are carried out one after the other: each names itself, and the first thing that is not as it should be ends the
// run with status 1. Says one line of JSON on success.
import { readFileSync } from "node:fs";
import { Stage, say } from "./lib.mjs";
import * as access from "./access.mjs";
import * as changes from "./changes.mjs";
import * as deciding from "./deciding.mjs";
import * as empty from "./empty.mjs";
import * as history from "./history.mjs";
import * as pages from "./pages.mjs";
import * as passkeys from "./passkeys.mjs";
import * as scriptless from "./scriptless.mjs";
import { walk } from "./screenshots.mjs";

const [mode, readyFile, emptyFile, chromium, setUpCode, pictures, ...only] = process.argv.slice(2);
const read = (file) => JSON.parse(readFileSync(file, "utf8"));

/** The journeys, in an order in which one may begin with what an earlier one left. */
const JOURNEYS = { passkeys, deciding, access, scriptless, history, pages, changes };
/** Those of a fresh stack, without a company. */
const EMPTY = { empty };

async function journeys(file, all) {
  const wanted = Object.entries(all).filter(([name]) => only.length === 0 || only.includes(name));
  if (wanted.length === 0) return 0;
  const stage = await Stage.open({ ready: read(file), chromium, setUpCode, pictures });
  for (const [name, journey] of wanted) {
    const began = Date.now();
    try {
      await journey.run(stage);
    } catch (error) {
      for (const { page, user } of stage.everybody) say(`${user} was at ${page.url()}`);
      error.message = `journey ${name}: ${error.message}`;
      throw error;
    }
    say(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
  await stage.close();
  return stage.checks;
}

if (mode === "screenshots") {
  const stage = await Stage.open({ ready: read(readyFile), chromium, setUpCode, pictures });
  const fresh = await Stage.open({ ready: read(emptyFile), chromium, setUpCode, pictures });
  console.log(JSON.stringify(await walk(stage, fresh)));
  await stage.close();
  await fresh.close();
} else {
  const checks = (await journeys(readyFile, JOURNEYS)) + (await journeys(emptyFile, EMPTY));
  if (checks === 0) throw new Error(`there is no journey ${only.join(", ")}`);
  console.log(JSON.stringify({ checks }));
}
