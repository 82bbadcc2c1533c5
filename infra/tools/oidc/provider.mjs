// An OpenID provider that nobody here wrote (npm oidc-provider), arranged so that its issuer looks like a tenant of Entra:
// `http://127.0.0.1:<port>/<tenant>/v2.0`, with Entra's claims. Whoever signs in names an object id.
//
// Settings come as one JSON object in the environment (OPENID_PROVIDER). Once it serves, it writes its base as one line.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const settings = JSON.parse(process.env.OPENID_PROVIDER);
const prefix = `/${settings.tenant}/v2.0`;

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const base = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(base + prefix, {
  clients: [
    {
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: [settings.redirect_uri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ["sub", "tid", "oid", "ver", "roles", "acrs"], profile: ["name"] },
  // Entra puts what a scope asks for into the ID token, whatever the flow.
  conformIdTokenClaims: false,
  features: { claimsParameter: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: (_, account) => ({
    accountId: account,
    claims: (_use, _scope, wanted) => ({
      sub: account,
      tid: settings.tenant,
      oid: account,
      ver: "2.0",
      roles: ["Requester"],
      ...(wanted?.acrs?.value && { acrs: [wanted.acrs.value] }),
    }),
  }),
});

const answer = provider.callback();
server.on("request", (request, response) => {
  if (!request.url.startsWith(`${prefix}/`)) {
    response.writeHead(404).end();
    return;
  }
  request.originalUrl = request.url;
  request.baseUrl = prefix;
  request.url = request.url.slice(prefix.length);
  answer(request, response);
});

process.stdout.write(`${base}\n`);
// Ends with whoever started it.
process.stdin.resume().on("end", () => process.exit(0));
