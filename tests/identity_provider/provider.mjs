// npm's oidc-provider as the identity provider of a test: provider.mjs PORT CALLBACK, with a client at CALLBACK and one that
// is a program. Its keys are new at each start. Whoever signs in is who they say, with the password of nobody.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, callback] = process.argv.slice(2);
const audience = 'tellercast-api';
const keys = [['ec', { namedCurve: 'P-256' }, 'ES256'], ['rsa', { modulusLength: 2048 }, 'RS256']].map(([kind, more, alg]) => ({
  ...generateKeyPairSync(kind, more).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: randomUUID(),
}));
const groups = ['Night shift', 'others'];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys },
  cookies: { keys: [randomUUID()] },
  clients: [
    {
      client_id: 'tellercast', client_secret: 'secret:of the+client', redirect_uris: [callback],
      id_token_signed_response_alg: 'RS256',
    },
    {
      client_id: 'robot', client_secret: 'secret-of-the-robot', redirect_uris: [], response_types: [],
      grant_types: ['client_credentials'],
    },
  ],
  claims: { openid: ['sub', 'groups'] },
  conformIdTokenClaims: false,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, groups }) }),
  extraTokenClaims: () => ({ groups }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => (ctx.oidc.client.clientId === 'robot' ? 'urn:tellercast' : undefined),
      getResourceServerInfo: () => ({
        scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1');
