// Package tokens tells whose a bearer token is: a JSON Web Token, signed by an
// issuer whose public keys are in a file or at a URL. An OpenID provider issues
// such tokens; so does Kubernetes, to each pod that asks for a projected service
// account token.
//
// A token counts only if all of this is so:
//
//   - its algorithm is one of RS256, RS384, RS512, PS256, PS384, PS512, ES256,
//     ES384, ES512 and EdDSA: never "none", never one with a shared secret;
//   - it names the key that signed it (kid), or there is only one key; a key that
//     is not for signatures, or for another algorithm, is no key;
//   - its issuer is the configured one, to the letter, and one of its audiences is
//     a configured one;
//   - it has a subject, and an end that is not over; it is not from the future.
//     Clocks may differ by [Leeway].
//
// Nothing in a token says where its keys are: they come from the configuration
// only. A token that cannot be verified costs no look at the network. At most it
// has the keys looked up anew, by the one who does so anyway, and rarely.
package tokens
