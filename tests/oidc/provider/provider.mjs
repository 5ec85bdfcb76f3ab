// A real OpenID provider for tests: oidc-provider, with everything in memory and its built-in pages.
//
// node provider.mjs FOLDER   FOLDER has node_modules. It prints its issuer, then reads one JSON document per line:
//   {"console": "http://127.0.0.1:8460"}   registers the console there
//   {"rotate": true}                       signs with a new key from now on, and forgets the one before
// and prints "done" after each.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { default: Provider } = await import(pathToFileURL(`${process.argv[2]}/node_modules/oidc-provider/lib/index.js`));

let answer = (request, response) => response.writeHead(503).end();
const server = createServer((request, response) => answer(request, response));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

let consoleUrl = "";
let keys = 0;

function start() {
  keys += 1;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: "jwk" }), kid: `key-${keys}`, use: "sig", alg: "RS256" };
  const provider = new Provider(issuer, {
    jwks: { keys: [key] },
    clients: [
      {
        client_id: "console",
        client_secret: "a secret of tests + / % : 7",
        redirect_uris: [`${consoleUrl}/oidc/callback`],
        post_logout_redirect_uris: [`${consoleUrl}/logged-out`],
        backchannel_logout_uri: `${consoleUrl}/oidc/backchannel-logout`,
        backchannel_logout_session_required: true,
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    cookies: { keys: ["for tests only"] },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    // The provider's own way to call others refuses addresses of this machine.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    // Nobody is asked for consent: a provider of an organisation doesn't ask either.
    async loadExistingGrant(context) {
      const { client, session } = context.oidc;
      const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid");
      await grant.save();
      return grant;
    },
  });
  answer = provider.callback();
}

console.log(JSON.stringify({ issuer }));
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  consoleUrl = order.console ?? consoleUrl;
  start();
  console.log("done");
}
server.closeAllConnections();
server.close();
